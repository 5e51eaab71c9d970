import Bytes
import Codecs
import EROFS
import EROFSBuilder
import EROFSReader
import Foundation
import TestSupport
import Testing
import TreeSources

/// What single options promise.
@Suite struct BuilderTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    try FileManager.default.createDirectory(
      atPath: directory.file("tree"), withIntermediateDirectories: false)
  }

  private func build(_ change: (inout BuildOptions) -> Void) throws -> (Image, BuildSummary) {
    var options = BuildOptions()
    change(&options)
    let built = try BuiltImage.build(
      options, of: directory.file("tree"), at: directory.file("image"))
    return (try Image(source: MemorySource(built.bytes)), built.summary)
  }

  private func inode(_ name: String, _ image: Image) throws -> Inode {
    try #require(try image.resolve(path: [FileName(name)]))
  }

  @Test func `equal chunks are stored once, and chunks of zeros not at all`() throws {
    var generator = SeededGenerator(for: "chunks")
    let chunk = generator.bytes(count: 8192)
    try directory.write(chunk + [UInt8](repeating: 0, count: 8192) + chunk, to: "tree/one")
    try directory.write(chunk + chunk, to: "tree/two")
    let (image, summary) = try build { $0.chunkByteCount = 8192 }
    #expect(summary.bytes == 5 * 8192)
    #expect(summary.uniqueBytes == 8192)
    #expect(summary.dedupSavedBytes == 3 * 8192)
    let extents = try image.extents(of: inode("one", image))
    #expect(extents.map(\.kind) == [.plain, .hole, .plain])
    #expect(extents[0].storedOffset == extents[2].storedOffset)
  }

  @Test func `long stretches of zeros in plain files become holes`() throws {
    var generator = SeededGenerator(for: "holes")
    let data = generator.bytes(count: 65_536)
    let zeros = [UInt8](repeating: 0, count: 1 << 20)
    try directory.write(data + zeros + data + [7], to: "tree/sparse")
    let (image, summary) = try build { _ in }
    let extents = try image.extents(of: inode("sparse", image))
    #expect(extents.map(\.kind) == [.plain, .hole, .plain])
    #expect(summary.imageBytes < 200_000)
  }

  @Test func `what does not compress is stored as it is`() throws {
    var generator = SeededGenerator(for: "incompressible")
    // Over a segment, and not.
    for (name, count) in [("large", 9_000_000), ("small", 10_000)] {
      try directory.write(generator.bytes(count: count), to: "tree/\(name)")
    }
    let (image, _) = try build {
      $0.compression = CompressionSettings(effort: .fast, clusterByteCount: 4096)
    }
    #expect(try inode("large", image).dataLayout == .inline)
    #expect(try inode("small", image).dataLayout == .inline)
    #expect(image.superblock.incompatibleFeatures == [])
  }

  @Test func `fingerprints are the digests of contents`() throws {
    var generator = SeededGenerator(for: "fingerprints")
    let contents = ["small": 100, "large": 9_000_000].mapValues { generator.bytes(count: $0) }
    for (name, bytes) in contents { try directory.write(bytes, to: "tree/\(name)") }
    try directory.write([], to: "tree/empty")
    for name in [BuildOptions.hiddenFingerprintName, Array("trusted.erofs.fingerprint".utf8)] {
      let (image, _) = try build { $0.fingerprintName = name }
      for (name, bytes) in contents {
        let fingerprint = try image.fingerprint(of: inode(name, image))
        #expect(fingerprint == SHA256.digest(of: bytes.rawSpan))
      }
      #expect(try image.fingerprint(of: inode("empty", image)) == nil)
    }
  }

  @Test func `contents in a given order come first and are neighbours`() throws {
    for name in ["a", "b", "c", "d"] {
      try directory.write([UInt8](repeating: name.utf8.first ?? 0, count: 8192), to: "tree/\(name)")
    }
    let (image, _) = try build { $0.order = ["d", "b", "missing"].map { Array($0.utf8) } }
    let blocks = try ["d", "b", "a", "c"].map { try inode($0, image).firstBlock ?? 0 }
    #expect(blocks == (0..<4).map { blocks[0] + 2 * UInt64($0) })
  }

  @Test func `extents decode to no more than their limit`() throws {
    try directory.write([UInt8](repeating: 1, count: 3_000_000), to: "tree/ones")
    let (image, _) = try build {
      $0.compression = CompressionSettings(
        effort: .fast, clusterByteCount: 4096, extentByteCountLimit: 65_536)
    }
    let extents = try image.extents(of: inode("ones", image))
    #expect(extents.allSatisfy { $0.byteCount <= 65_536 })
  }

  @Test func `owners, times and identity can be given`() throws {
    try directory.write([1], to: "tree/file")
    let (image, _) = try build {
      $0.userID = 7
      $0.groupID = 8
      $0.time = Timestamp(seconds: 1_000_000, nanoseconds: 0)
      $0.uuid = Array(1...16)
      $0.volumeName = Array("a name".utf8)
    }
    let file = try inode("file", image)
    #expect(file.userID == 7 && file.groupID == 8)
    #expect(file.modificationTime == Timestamp(seconds: 1_000_000, nanoseconds: 0))
    #expect(!file.isExtended)
    #expect(image.superblock.uuid == Array(1...16))
    #expect(image.superblock.volumeName == Array("a name".utf8))
  }

  @Test func `a build that fails leaves nothing and keeps what was there`() throws {
    try directory.write([1, 2, 3], to: "image")
    try directory.write([1], to: "tree/file")
    var options = BuildOptions()
    options.fingerprintName = nil
    let tree = try Self.treeOfVanishedFiles(directory)
    #expect(throws: BuildError.self) {
      try ImageBuilder(options).build(tree, to: directory.file("image"))
    }
    #expect([UInt8](try Data(contentsOf: URL(filePath: directory.file("image")))) == [1, 2, 3])
    let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
    #expect(Set(names) == ["image", "tree"])
  }
}

extension BuilderTests {
  /// A tree whose file is gone by the time it is read.
  private static func treeOfVanishedFiles(_ directory: TemporaryDirectory) throws -> SourceTree {
    let path = directory.file("tree/vanishing")
    try directory.write([UInt8](repeating: 9, count: 5000), to: "tree/vanishing")
    let tree = try TreeInput.read(
      merging: [.path(directory.file("tree"))], spool: ArchiveSpool(in: directory.path))
    try FileManager.default.removeItem(atPath: path)
    return tree
  }
}
