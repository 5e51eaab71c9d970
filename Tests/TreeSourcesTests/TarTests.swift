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
    return try TreeInput.read(merging: [.path(path)], spool: ArchiveSpool(in: directory.path))
  }

  @Test func `an entry is a file with its parents`() throws {
    let tree = try read(
      TarBytes.header("a/b/file", size: 3) + Array("abc".utf8) + [UInt8](repeating: 0, count: 509)
        + TarBytes.end)
    #expect(tree.node(at: ["a", "b", "file"].map { .init($0) }) != nil)
  }

  @Test func `a damaged header is an error`() throws {
    var bytes = TarBytes.header("file") + TarBytes.end
    bytes[3] ^= 1
    #expect(throws: TreeSourceError.self) { try read(bytes) }
  }

  @Test func `an empty file is an error, and an archive of nothing an empty tree`() throws {
    #expect(throws: TreeSourceError.self) { try read([]) }
    #expect(try read(TarBytes.end).nodes.count == 1)
  }

  @Test func `an archive that ends early is an error`() throws {
    #expect(throws: TreeSourceError.self) { try read(TarBytes.header("file", size: 5000)) }
    let packed = directory.file("archive.gz")
    try directory.write(
      TarBytes.header("file", size: 512) + [UInt8](repeating: 7, count: 512) + TarBytes.end,
      to: "whole")
    #expect(
      try Command(["sh", "-c", "gzip -c whole | head -c 60 > archive.gz"], in: directory.path)
        .status == 0)
    #expect(throws: TreeSourceError.self) {
      try TreeInput.read(merging: [.path(packed)], spool: ArchiveSpool(in: directory.path))
    }
  }

  @Test func `names that lead out of the tree are refused`() throws {
    #expect(throws: TreeSourceError.self) { try read(TarBytes.header("../file") + TarBytes.end) }
    #expect(throws: TreeSourceError.self) {
      try read(TarBytes.header("a/../../file") + TarBytes.end)
    }
  }

  @Test func `a hard link to nothing is an error`() throws {
    #expect(throws: TreeSourceError.self) {
      try read(TarBytes.header("link", type: "1", link: "absent") + TarBytes.end)
    }
  }

  @Test func `random bytes never do harm`() throws {
    var generator = SeededGenerator(for: "random archives")
    let whole =
      TarBytes.header("a/file", size: 600) + generator.bytes(count: 1024)
      + TarBytes.header("link", type: "1", link: "a/file") + TarBytes.end
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
