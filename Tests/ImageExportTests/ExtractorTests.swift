import Bytes
import CLinux
import EROFS
import EROFSReader
import Foundation
import ImageExport
import TestSupport
import Testing

private let isRoot = geteuid() == 0

@Suite struct ExtractorTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func target() throws -> String {
    let path = directory.file("target")
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: false)
    return path
  }

  @Test(
    .enabled(if: SharedData.hasFixtures && isRoot),
    arguments: [
      "plain", "chunk-4k", "compact-inodes", "lz4", "lz4-allfrag-dedupe", "xattr-prefix",
      "blobdev", "48bit-plain",
    ])
  func `what is written is what the kernel shows of the image`(name: String) throws {
    let path = try target()
    var extractor = Extractor(try Fixtures.image(name), keepsOwners: true)
    try extractor.extract(into: path)
    var expected = try SharedData.snapshot(of: name).entries
    #expect(extractor.entryCount == expected.count - 1)
    var found = try TreeSnapshot(of: path).entries
    // How directories are counted, and how large an attribute may be, is the filesystem's matter.
    for key in expected.keys where (expected[key]?.mode ?? 0) >> 12 == 4 {
      expected[key]?.linkCount = 0
      found[key]?.linkCount = 0
    }
    var omissionCount = 0
    for (key, entry) in expected {
      for attribute in entry.attributes.keys {
        let text = "\(FileName(key).text): attribute \(FileName(attribute).text): "
        guard extractor.omissions.contains(where: { $0.hasPrefix(text) }) else { continue }
        omissionCount += 1
        #expect(found[key]?.attributes[attribute] == nil)
        expected[key]?.attributes[attribute] = nil
      }
    }
    #expect(omissionCount == extractor.omissions.count)
    #expect(omissionCount < 3, "\(extractor.omissions)")
    #expect(found.count == expected.count)
    for (key, entry) in expected where found[key] != entry {
      Issue.record(
        "\(FileName(key).text):\n  \(entry)\n  \(found[key]?.description ?? "absent")")
    }
  }

  @Test(.enabled(if: SharedData.hasFixtures), arguments: ["chunk-4k", "chunk-64k-index"])
  func `holes stay holes`(name: String) throws {
    let path = try target()
    var extractor = Extractor(try Fixtures.image(name), keepsOwners: false)
    try extractor.extract(into: path)
    var status = stat()
    #expect(lstat("\(path)/big/sparse", &status) == 0)
    #expect(status.st_size == 600_000)
    #expect(status.st_blocks * 512 < 300_000)
    let descriptor = cullet_open("\(path)/big/sparse", O_RDONLY, 0)
    defer { close(descriptor) }
    #expect(lseek(descriptor, 0, SEEK_HOLE) < 600_000)
  }

  @Test(.enabled(if: SharedData.hasFixtures))
  func `without owners everything is whose who extracts`() throws {
    let path = try target()
    var extractor = Extractor(try Fixtures.image("plain"), keepsOwners: false)
    try extractor.extract(into: path)
    let entries = try TreeSnapshot(of: path, contents: false).entries
    #expect(entries.count == 1034)
    #expect(entries.values.allSatisfy { $0.userID == geteuid() })
    #expect(entries[Array("special/hard".utf8)]?.linkCount == 3)
  }

  @Test func `a target that holds something is refused and left alone`() throws {
    let path = try target()
    try directory.write([1, 2, 3], to: "target/.hidden")
    let image = try HandmadeTree(nodes: [.directory([("a", 1)]), .file("content")]).open()
    var extractor = Extractor(image, keepsOwners: false)
    let error = #expect(throws: ExportError.self) { try extractor.extract(into: path) }
    guard case .notEmpty(path) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: path) == [".hidden"])
    let absent = #expect(throws: ExportError.self) {
      try extractor.extract(into: directory.file("absent"))
    }
    guard case .unwritable(let cause, ".") = absent else {
      Issue.record("\(String(describing: absent))")
      return
    }
    #expect(cause.errno == .noSuchFile)
  }

  @Test func `directories that are reached twice end in an error`() throws {
    // Two names a level, both of the same directory: 2^12 paths of 13 directories.
    var nodes = (1...12).map { HandmadeTree.Node.directory([("a", $0), ("b", $0)]) }
    nodes.append(.directory([("file", 13)]))
    nodes.append(.file("content"))
    for nodes in [nodes, [.directory([("a", 1)]), .directory([("b", 0)])]] {
      let path = directory.file("target-\(nodes.count)")
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: false)
      var extractor = Extractor(try HandmadeTree(nodes: nodes).open(), keepsOwners: false)
      let error = #expect(throws: ExportError.self) { try extractor.extract(into: path) }
      guard case .unreadable(.format(let cause), _) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(cause.code == .directoryLoop)
      #expect(extractor.entryCount < 100)
    }
  }

  @Test(.enabled(if: isRoot)) func `without privilege the rest is written`() throws {
    let path = try target()
    for owned in [directory.path, path] { #expect(chown(owned, 65534, 65534) == 0) }
    // A device with two names, of which neither can be made.
    let image = try HandmadeTree(nodes: [
      .directory([("a", 1), ("b", 2), ("c", 3)]),
      .device(major: 8, minor: 1, linkCount: 2),
      .directory([("also", 1), ("twin", 3)]),
      .file("content", linkCount: 2),
    ]).open()
    var extractor = Extractor(image, keepsOwners: false)
    // This thread's view of files alone; it takes the right to make devices with it.
    setfsuid(65534)
    let result = Result { try extractor.extract(into: path) }
    setfsuid(0)
    try result.get()
    #expect(extractor.omissions.count == 2, "\(extractor.omissions)")
    let entries = try TreeSnapshot(of: path).entries
    #expect(Set(entries.keys.map { FileName($0).text }) == [".", "b", "b/twin", "c"])
    #expect(entries[Array("c".utf8)]?.linkCount == 2)
    #expect(entries[Array("c".utf8)]?.userID == 65534)
  }
}
