internal import Bytes
internal import Linux
internal import TestSupport

/// Sixteen threads that read one file at offsets of their own, the same in every run.
struct ConcurrentReaders {
  private static let count = 16
  private static let byteCount = 64 << 10

  let path: String

  /// The megabytes a second that all get together, each of them reading `readCount` times.
  func measure(readCount: Int) throws -> Double {
    let failure = Lock<SystemError?>(nil)
    let path = path
    let seconds = try timed {
      let threads = try (0..<Self.count).map { number in
        try Thread(name: "reader-\(number)") {
          do throws(SystemError) {
            try Self.read(path, count: readCount, seed: UInt64(number))
          } catch {
            failure.withLock { $0 = error }
          }
        }
      }
      for thread in threads { thread.join() }
    }
    if let failure = failure.withLock({ $0 }) { throw failure }
    return Double(Self.count * readCount * Self.byteCount) / 1e6 / seconds
  }

  private static func read(_ path: String, count: Int, seed: UInt64) throws(SystemError) {
    let file = try FileDescriptor(opening: path, .readOnly)
    let partCount = try file.status().byteCount / UInt64(byteCount)
    var generator = SeededGenerator(seed: seed)
    var buffer = [UInt8](repeating: 0, count: byteCount)
    for _ in 0..<count {
      var span = buffer.mutableRawSpan
      let part = UInt64.random(in: 0..<partCount, using: &generator)
      _ = try file.read(into: &span, at: part * UInt64(byteCount))
    }
  }
}
