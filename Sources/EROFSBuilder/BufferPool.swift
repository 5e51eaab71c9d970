internal import Linux

/// Buffers of one size that wait to be used again, so that they are zeroed only once.
final class BufferPool: Sendable {
  private let byteCount: Int
  private let spare = Lock<[[UInt8]]>([])

  init(byteCount: Int) {
    self.byteCount = byteCount
  }

  /// A buffer whose content is arbitrary.
  func take() -> [UInt8] {
    spare.withLock { $0.popLast() } ?? [UInt8](repeating: 0, count: byteCount)
  }

  /// Gives a buffer back.
  func put(_ buffer: [UInt8]) {
    spare.withLock { $0.append(buffer) }
  }
}
