import EROFS
import EROFSReader
import Foundation
import ImageExport
import TestSupport
import Testing

@Suite struct SummaryTests {
  @Test(
    .enabled(if: SharedData.hasFixtures),
    arguments: ["plain", "plain-b512", "chunk-4k", "lz4", "fingerprint-lz4", "blobdev"])
  func `counts each file once`(name: String) throws {
    let image = try Fixtures.image(name)
    let summary = try ImageSummary(of: image)
    // Of files with several names, the manifest has the link count with each.
    let manifest = try SharedData.manifest(of: name).values
    let words = [
      4: "directory", 8: "regular", 10: "symlink", 2: "char", 6: "block", 1: "fifo", 12: "socket",
    ]
    var names: [String: Int] = [:]
    for fields in manifest {
      let type = words[(fields["mode"] as? Int ?? 0) >> 12] ?? ""
      names[type, default: 0] += 1
    }
    // One file has three names.
    names["regular", default: 0] -= 2
    #expect(summary.types.mapValues(\.files) == names)
    let bytes = manifest.reduce(0) { sum, fields in
      (fields["mode"] as? Int ?? 0) >> 12 == 8 ? sum + (fields["size"] as? Int ?? 0) : sum
    }
    #expect(summary.types["regular"]?.bytes == UInt64(bytes - 2 * 4097))
    let contentCount = ["regular", "directory", "symlink"].reduce(0) { $0 + (names[$1] ?? 0) }
    #expect(summary.layouts.values.reduce(0) { $0 + $1.files } == contentCount)

    let imageBytes = try SharedData.bytes(of: "\(name).erofs")
    #expect(summary.byteCount == UInt64(imageBytes.count))
    #expect(summary.blockSize == (name == "plain-b512" ? 512 : 4096))
    #expect(summary.blocks * UInt64(summary.blockSize) <= summary.byteCount)
    #expect(summary.devices == (name == "blobdev" ? 1 : 0))
    #expect(summary.algorithms.contains("LZ4") == name.contains("lz4"))
    #expect(summary.fingerprints.files == (name == "fingerprint-lz4" ? 174 : 0))
    #expect(summary.features.contains("sb-checksum"))
    #expect(summary.uuid.count == 32)
    #expect(summary.inodes == UInt64(names.values.reduce(0, +)))
  }

  @Test func `a directory that holds itself ends in an error`() throws {
    let image = try HandmadeTree(nodes: [.directory([("a", 0)])]).open()
    #expect(throws: ReadError.self) { try ImageSummary(of: image) }
  }
}
