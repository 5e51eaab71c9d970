import Foundation
import TestSupport
import Testing
import TreeSources

/// Archives that are not as they should be.
@Suite struct TarTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func read(_ bytes: [UInt8]) throws -> SourceTree {
    let path = try directory.write(bytes, to: "archive")
    return try TreeInput.read(merging: [path], spoolDirectory: directory.path)
  }

  /// A ustar header of an entry, its checksum in place.
  private func header(_ name: String, type: String = "0", size: Int = 0, link: String = "")
    -> [UInt8]
  {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, _ offset: Int) {
      block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
    }
    put(name, 0)
    put("0000644\0", 100)
    put("0000000\0", 108)
    put("0000000\0", 116)
    put(String(size, radix: 8), 124)
    put("0", 136)
    put("        ", 148)
    put(type, 156)
    put(link, 157)
    put("ustar\u{0}00", 257)
    let sum = block.reduce(0) { $0 + Int($1) }
    put(String(sum, radix: 8) + "\0", 148)
    return block
  }

  private let end = [UInt8](repeating: 0, count: 1024)

  @Test func `an entry is a file with its parents`() throws {
    let tree = try read(
      header("a/b/file", size: 3) + Array("abc".utf8) + [UInt8](repeating: 0, count: 509) + end)
    #expect(tree.node(at: ["a", "b", "file"].map { .init($0) }) != nil)
  }

  @Test func `a damaged header is an error`() throws {
    var bytes = header("file") + end
    bytes[3] ^= 1
    #expect(throws: TreeSourceError.self) { try read(bytes) }
  }

  @Test func `an empty file is an error, and an archive of nothing an empty tree`() throws {
    #expect(throws: TreeSourceError.self) { try read([]) }
    #expect(try read(end).nodes.count == 1)
  }

  @Test func `an archive that ends early is an error`() throws {
    #expect(throws: TreeSourceError.self) { try read(header("file", size: 5000)) }
    let packed = directory.file("archive.gz")
    try directory.write(
      header("file", size: 512) + [UInt8](repeating: 7, count: 512) + end, to: "whole")
    #expect(
      try Command(["sh", "-c", "gzip -c whole | head -c 60 > archive.gz"], in: directory.path)
        .status == 0)
    #expect(throws: TreeSourceError.self) {
      try TreeInput.read(merging: [packed], spoolDirectory: directory.path)
    }
  }

  @Test func `names that lead out of the tree are refused`() throws {
    #expect(throws: TreeSourceError.self) { try read(header("../file") + end) }
    #expect(throws: TreeSourceError.self) { try read(header("a/../../file") + end) }
  }

  @Test func `a hard link to nothing is an error`() throws {
    #expect(throws: TreeSourceError.self) {
      try read(header("link", type: "1", link: "absent") + end)
    }
  }

  @Test func `random bytes never do harm`() throws {
    var generator = SeededGenerator(for: "random archives")
    let whole =
      header("a/file", size: 600) + generator.bytes(count: 1024)
      + header("link", type: "1", link: "a/file") + end
    for _ in 0..<300 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8(
          truncatingIfNeeded: generator.next())
      }
      _ = try? read(Array(bytes.prefix(Int.random(in: 1...bytes.count, using: &generator))))
    }
  }
}
