import Bytes
import EROFSReader
import Foundation
import Linux
import Node
import TestSupport
import Testing

/// Images in local files, read past the page cache or through it.
@Suite struct FileSourceTests {
  private static let byteCount = 3_000_007

  private let directory: TemporaryDirectory
  private let path: String
  private let content: [UInt8]

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.file("image")
    var generator = SeededGenerator(for: "file sources")
    content = generator.bytes(count: Self.byteCount)
    try Data(content).write(to: URL(filePath: path))
  }

  /// Makes the kernel drop what it has of the file; what it has left.
  private func dropFromCache() throws -> Int {
    let file = try FileDescriptor(opening: path, .readOnly)
    try file.sync()
    #expect(posix_fadvise(file.rawValue, 0, 0, POSIX_FADV_DONTNEED) == 0)
    return try file.cachedByteCount()
  }

  /// Whether `source` has the bytes of `range`, read into memory that begins `shift` bytes into a page.
  private func isRight(
    _ source: FileSource, _ range: Range<Int>, shift: Int = 0
  ) throws -> Bool {
    var buffer = AlignedBuffer(byteCount: max(1, shift + range.count))
    var bytes = buffer.mutableBytes
    var target = bytes._mutatingExtracting(shift..<shift + range.count)
    try source.read(into: &target, at: UInt64(range.lowerBound))
    return target.bytes.copyBytes() == Array(content[range])
  }

  @Test(arguments: [false, true])
  func `any range is the file's, whether the kernel has it or not`(isCached: Bool) throws {
    if !isCached { _ = try dropFromCache() }
    let source = try FileSource(path: path)
    var generator = SeededGenerator(for: "ranges of a file")
    for unit in [1, 512, 4096] {
      for _ in 0..<40 {
        let start = Int.random(in: 0...Self.byteCount / unit, using: &generator) * unit
        let end = Int.random(in: start / unit...Self.byteCount / unit, using: &generator) * unit
        #expect(try isRight(source, start..<end))
        #expect(try isRight(source, start..<end, shift: 8))
      }
    }
    #expect(try isRight(source, 4096..<Self.byteCount))
    #expect(try isRight(source, 0..<Self.byteCount))
  }

  @Test func `large reads leave nothing in the page cache`() throws {
    // A filesystem in memory keeps all of it.
    guard try dropFromCache() == 0 else { return }
    let source = try FileSource(path: path)
    for start in stride(from: 0, to: 2 << 20, by: 256 << 10) {
      #expect(try isRight(source, start..<start + 256 << 10))
    }
    #expect(try FileDescriptor(opening: path, .readOnly).cachedByteCount() == 0)
  }

  @Test func `what becomes shorter is an error, not zeros`() throws {
    _ = try dropFromCache()
    let source = try FileSource(path: path)
    try FileDescriptor(opening: path, .readWrite).truncate(toByteCount: 1_000_000)
    #expect(throws: SourceError.self) { try isRight(source, 0..<2_000_000) }
    #expect(throws: SourceError.self) { try isRight(source, 2_000_000..<2_000_100) }
    #expect(try isRight(source, 0..<900_000))
    #expect(throws: SourceError.self) { try isRight(source, 0..<Self.byteCount + 1) }
  }
}
