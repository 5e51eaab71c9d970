import Bytes
import Linux
import Testing

@Suite struct LargeBuffersTests {
  private static let pageByteCount = 2 << 20

  private func take() throws -> LargeBuffer {
    guard let buffer = LargeBuffers.shared.take() else { throw Errno.outOfMemory }
    return buffer
  }

  /// Whether every byte of `buffer` is `value`.
  private func isFilled(_ buffer: borrowing LargeBuffer, with value: UInt8) -> Bool {
    let bytes = buffer.bytes
    return bytes.byteCount == LargeBuffers.byteCount
      && (0..<bytes.byteCount).allSatisfy {
        bytes.load(fromByteOffset: $0, as: UInt8.self) == value
      }
  }

  private func fill(_ buffer: inout LargeBuffer, with value: UInt8) {
    var bytes = buffer.mutableBytes
    for offset in 0..<bytes.byteCount { bytes.store(value, atByteOffset: offset) }
  }

  /// Waits until the pool holds so much; false when that does not come.
  private func settle(at byteCount: Int = 0) -> Bool {
    for _ in 0..<1000 where LargeBuffers.shared.heldByteCount != byteCount {
      Thread.sleep(milliseconds: 10)
    }
    return LargeBuffers.shared.heldByteCount == byteCount
  }

  @Test func `two buffers share a page, and a third has another`() throws {
    #expect(settle())
    var first = try take()
    var second = try take()
    #expect(LargeBuffers.shared.heldByteCount == Self.pageByteCount)
    var third = try take()
    #expect(LargeBuffers.shared.heldByteCount == 2 * Self.pageByteCount)
    fill(&first, with: 1)
    fill(&second, with: 2)
    fill(&third, with: 3)
    let areFilled = [
      isFilled(first, with: 1), isFilled(second, with: 2), isFilled(third, with: 3),
    ]
    #expect(areFilled == [true, true, true])
  }

  @Test func `what nobody has goes back after a while, and what somebody has never`() throws {
    #expect(settle())
    var kept = try take()
    fill(&kept, with: 7)
    do {
      let passing = [try Passing(), try Passing(), try Passing()]
      #expect(passing.count == 3)
    }
    #expect(LargeBuffers.shared.heldByteCount == 2 * Self.pageByteCount)
    #expect(settle(at: Self.pageByteCount))
    let isKept = isFilled(kept, with: 7)
    #expect(isKept)
  }

  @Test func `once all is back, taking begins anew`() throws {
    for _ in 0..<2 {
      #expect(settle())
      do { _ = try take() }
      #expect(LargeBuffers.shared.heldByteCount == Self.pageByteCount)
    }
    #expect(settle())
  }

  /// A buffer that may be in an array.
  private final class Passing {
    private let buffer: LargeBuffer

    init() throws {
      guard let buffer = LargeBuffers.shared.take() else { throw Errno.outOfMemory }
      self.buffer = buffer
    }
  }
}
