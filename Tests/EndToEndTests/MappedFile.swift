import Foundation
import TestSupport
import Testing

/// A file mapped for reading.
final class MappedFile {
  private let start: UnsafeMutableRawPointer
  private let byteCount: Int

  init(_ path: String) throws {
    let descriptor = open(path, O_RDONLY)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    byteCount = Int(lseek(descriptor, 0, SEEK_END))
    let mapped = mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0)
    start = try #require(mapped == MAP_FAILED ? nil : mapped)
  }

  deinit {
    munmap(start, byteCount)
  }

  /// The sum of all bytes, each of which is read.
  var checksum: UInt64 {
    UnsafeRawBufferPointer(start: start, count: byteCount).reduce(0) { $0 &+ UInt64($1) }
  }

  /// Bytes of it that the kernel has, whole pages, whoever read them.
  var residentByteCount: Int {
    let pageByteCount = 4096
    var pages = [UInt8](repeating: 0, count: (byteCount + pageByteCount - 1) / pageByteCount)
    guard mincore(start, byteCount, &pages) == 0 else { return 0 }
    return pages.count { $0 & 1 != 0 } * pageByteCount
  }

  /// KiB of the mappings of `path` in this process: what is in memory, and its share of that.
  static func residence(of path: String) throws -> (rss: Int, pss: Int) {
    var (rss, pss, isInside) = (0, 0, false)
    // Foundation stops at the first short read of such a file.
    let text = try Command(["cat", "/proc/\(getpid())/smaps"]).text
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: " ", omittingEmptySubsequences: true)
      if fields[0].contains("-") { isInside = line.hasSuffix(path) }
      if isInside, fields[0] == "Rss:" { rss += Int(fields[1]) ?? 0 }
      if isInside, fields[0] == "Pss:" { pss += Int(fields[1]) ?? 0 }
    }
    return (rss, pss)
  }
}
