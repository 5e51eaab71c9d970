internal import Foundation

/// Reads of files by way of page faults.
enum MappedReading {
  /// Maps the file at `path`, which is not empty, and reads a byte of each of its pages.
  static func touch(_ path: String) throws {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw StageError("\(path) cannot be opened") }
    defer { close(descriptor) }
    let byteCount = Int(lseek(descriptor, 0, SEEK_END))
    guard let start = unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0),
      unsafe start != MAP_FAILED
    else { throw StageError("\(path) cannot be mapped") }
    defer { unsafe munmap(start, byteCount) }
    var sum: UInt8 = 0
    for offset in stride(from: 0, to: byteCount, by: 4096) {
      sum &+= unsafe start.load(fromByteOffset: offset, as: UInt8.self)
    }
    unsafe blackHole = sum
  }

  /// What was read goes here, so that reading is not left out.
  nonisolated(unsafe) private static var blackHole: UInt8 = 0
}
