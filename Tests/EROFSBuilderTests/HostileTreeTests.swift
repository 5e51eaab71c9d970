import Bytes
import EROFS
import EROFSBuilder
import EROFSReader
import Foundation
import TestSupport
import Testing
import TreeSources

/// Trees whose numbers are as large as somebody can make them, or that change while they are read.
@Suite struct HostileTreeTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    for name in ["tree", "tree/dir", "outside"] {
      try FileManager.default.createDirectory(
        atPath: directory.file(name), withIntermediateDirectories: false)
    }
  }

  private func build(
    _ tree: SourceTree, _ change: (inout BuildOptions) -> Void = { _ in }
  ) throws -> [UInt8] {
    var options = BuildOptions()
    change(&options)
    _ = try ImageBuilder(options).build(tree, to: directory.file("image"))
    return [UInt8](try Data(contentsOf: URL(filePath: directory.file("image"))))
  }

  private func scan() throws -> SourceTree {
    try TreeInput.read(
      merging: [.path(directory.file("tree"))], spool: ArchiveSpool(in: directory.path))
  }

  private func file(
    _ name: String, attributes: [(name: [UInt8], value: [UInt8])]
  ) throws -> SourceTree {
    try directory.write([1, 2, 3], to: "tree/\(name)")
    var tree = try scan()
    let index = try #require(tree.node(at: [FileName(name)]))
    var node = tree.nodes[index]
    node.attributes = attributes
    tree.describe(index, as: node)
    return tree
  }

  @Test(arguments: [UInt64.max, 1 << 63, 1 << 50])
  func `files larger than an image are errors`(byteCount: UInt64) throws {
    let tar = directory.file("tar")
    try Data(Self.sparseArchive(of: 3, byteCount: byteCount)).write(to: URL(filePath: tar))
    let tree = try TreeInput.read(merging: [.path(tar)], spool: ArchiveSpool(in: directory.path))
    for chunkByteCount in [nil, 4096] {
      #expect(throws: BuildError.self) {
        _ = try build(tree) { $0.chunkByteCount = chunkByteCount }
      }
    }
  }

  /// An archive of files without data that claim to have `byteCount` bytes each.
  private static func sparseArchive(of count: Int, byteCount: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    for number in 0..<count {
      let record = "GNU.sparse.size=\(byteCount)\n"
      let length = record.utf8.count + 3
      let text = Array("\(length) \(record)".utf8)
      bytes += header("h", type: "x", size: text.count) + text
      bytes += [UInt8](repeating: 0, count: 512 - text.count) + header("\(number)", type: "0")
    }
    return bytes + [UInt8](repeating: 0, count: 1024)
  }

  private static func header(_ name: String, type: String, size: Int = 0) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, _ offset: Int) {
      block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
    }
    put(name, 0)
    put(String(size, radix: 8), 124)
    put("        ", 148)
    put(type, 156)
    put("ustar\u{0}00", 257)
    put(String(block.reduce(0) { $0 + Int($1) }, radix: 8) + "\0", 148)
    return block
  }

  @Test func `attributes for which there is no room are errors, a fingerprint included`() throws {
    // What is left of 65,534 units of 4 bytes when three values are as long as can be.
    let full = (0..<3).map {
      (name: Array("user.\($0)".utf8), value: [UInt8](repeating: 1, count: 65_535))
    }
    for rest in stride(from: 65_400, through: 65_535, by: 4) {
      let last = (name: Array("user.9".utf8), value: [UInt8](repeating: 2, count: rest))
      let tree = try file("file", attributes: full + [last])
      _ = try? build(tree) { $0.fingerprintName = BuildOptions.hiddenFingerprintName }
    }
    let tree = try file(
      "file", attributes: full + [(name: Array("user.9".utf8), value: full[0].value)])
    #expect(throws: BuildError.self) {
      _ = try build(tree) { $0.fingerprintName = BuildOptions.hiddenFingerprintName }
    }
  }

  @Test func `times beyond the year 2262 are kept`() throws {
    try directory.write([1], to: "tree/file")
    let path = directory.file("tree/file")
    let touch = try Command(["touch", "-d", "2400-01-01T00:00:00Z", path])
    #expect(touch.status == 0, "\(touch.errors)")
    var status = stat()
    #expect(lstat(path, &status) == 0)
    let tree = try scan()
    let index = try #require(tree.node(at: [FileName("file")]))
    #expect(tree.nodes[index].modificationTime.seconds == Int64(status.st_mtim.tv_sec))
  }

  @Test func `a directory that becomes a link meanwhile does not lead out of the tree`() throws {
    let bytes = [UInt8](repeating: 7, count: 5000)
    try directory.write(bytes, to: "tree/dir/file")
    try directory.write(bytes, to: "outside/file")
    let tree = try scan()
    try FileManager.default.moveItem(
      atPath: directory.file("tree/dir"), toPath: directory.file("moved"))
    try FileManager.default.createSymbolicLink(
      atPath: directory.file("tree/dir"), withDestinationPath: directory.file("outside"))
    #expect(throws: BuildError.self) { _ = try build(tree) }
  }
}
