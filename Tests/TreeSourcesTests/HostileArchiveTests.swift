import Bytes
import Foundation
import TestSupport
import Testing
import TreeSources

/// Archives whose numbers and names are made to do harm.
@Suite struct HostileArchiveTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func read(_ bytes: [UInt8]) throws -> SourceTree {
    let path = try directory.write(bytes, to: "archive")
    return try TreeInput.read(merging: [.path(path)], spool: ArchiveSpool(in: directory.path))
  }

  private func expectMalformed(_ bytes: [UInt8], _ comment: Comment? = nil) {
    let error = #expect(throws: TreeSourceError.self, comment) { _ = try read(bytes) }
    guard case .malformed = error?.code else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `sizes that overflow are errors`() {
    for size in [UInt64.max, UInt64.max - 1000, 1 << 63] {
      let field =
        [0x80, 0, 0, 0] + (0..<8).map { UInt8(truncatingIfNeeded: size >> (56 - 8 * $0)) }
      for type in ["0", "5", "x", "L", "S"] {
        expectMalformed(
          TarBytes.header("file", type: type, sizeField: field) + TarBytes.end, "\(size) \(type)")
      }
      expectMalformed(
        TarBytes.record("size", "\(size)") + TarBytes.header("file") + TarBytes.end, "\(size)")
    }
  }

  @Test func `a time at the edge of what numbers can say does no harm`() throws {
    for time in ["-9223372036854775808.5", "9223372036854775807.999999999", "-0.5", "x"] {
      _ = try read(TarBytes.record("mtime", time) + TarBytes.file("file", "x") + TarBytes.end)
    }
  }

  @Test func `paths longer than Linux takes are errors`() {
    let path = String(repeating: "d/", count: 100_000)
    expectMalformed(TarBytes.record("path", path) + TarBytes.header("x") + TarBytes.end)
    expectMalformed(
      TarBytes.record("linkpath", path) + TarBytes.header("x", type: "1") + TarBytes.end)
  }

  @Test func `symbolic links that lead nowhere are errors`() {
    expectMalformed(TarBytes.header("link", type: "2") + TarBytes.end)
    expectMalformed(
      TarBytes.record("linkpath", String(repeating: "t", count: 5000))
        + TarBytes.header("link", type: "2") + TarBytes.end)
    expectMalformed(
      TarBytes.record("linkpath", "a\0b") + TarBytes.header("link", type: "2") + TarBytes.end)
  }

  @Test func `extended headers do not add up without end`() {
    // 16 MiB are the limit.
    let text = String(repeating: "c", count: 9 << 20)
    for type in ["x", "g"] {
      expectMalformed(
        TarBytes.record("one", text, type: type) + TarBytes.record("two", text, type: type)
          + TarBytes.file("file", "x") + TarBytes.end)
    }
  }

  @Test func `maps of sparse files do not go on without end`() {
    let more = TarBytes.header("file", type: "S") { $0[482] = 1 }
    var block = [UInt8](repeating: 0, count: 512)
    for run in 0..<21 { block.replaceSubrange(run * 24..<run * 24 + 1, with: [0x30]) }
    block[504] = 1
    var bytes = more
    for _ in 0..<40_000 { bytes += block }
    expectMalformed(bytes + TarBytes.end)
  }

  @Test func `runs that overlap, overflow or exceed the file are errors`() {
    func archive(_ map: String) -> [UInt8] {
      TarBytes.record("GNU.sparse.map", map) + TarBytes.record("GNU.sparse.size", "1000")
        + TarBytes.file("file", String(repeating: "x", count: 100)) + TarBytes.end
    }
    for map in [
      "0,100,50,10", "990,20", "18446744073709551615,5", "0,200", "5,18446744073709551615",
    ] {
      expectMalformed(archive(map), "\(map)")
    }
  }
}
