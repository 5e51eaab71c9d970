internal import Linux

/// Aligned memory for readers whose own is not: as much as there are such readers at a time.
final class BounceBuffers: Sendable {
  private final class Bounce {
    var buffer: AlignedBuffer

    init(byteCount: Int) {
      buffer = AlignedBuffer(byteCount: byteCount)
    }
  }

  /// More than this is not kept once its readers are done.
  private static let idleByteCountMax = 16 << 20

  private let idle = Lock([Bounce]())

  /// Runs `body` with ``LargeBuffers/byteCount`` bytes of any content.
  static func withLargeBuffer<Result>(_ body: (inout MutableRawSpan) -> Result) -> Result {
    if var large = LargeBuffers.shared.take() {
      var bytes = large.mutableBytes
      return body(&bytes)
    }
    var buffer = AlignedBuffer(byteCount: LargeBuffers.byteCount)
    var bytes = buffer.mutableBytes
    return body(&bytes)
  }

  /// Runs `body` with a buffer of `byteCount` bytes, the same in every call, and any content.
  func withBuffer<Result, Failure: Error>(
    ofByteCount byteCount: Int, _ body: (inout AlignedBuffer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let bounce = idle.withLock { $0.popLast() } ?? Bounce(byteCount: byteCount)
    defer {
      idle.withLock { idle in
        if idle.count < Self.idleByteCountMax / byteCount { idle.append(bounce) }
      }
    }
    return try body(&bounce.buffer)
  }
}
