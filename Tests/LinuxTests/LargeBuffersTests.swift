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

  @Test func `two buffers share a page, and a third has another`() throws {
    let pool = LargeBuffers.shared
    pool.discardIdle(evenRecent: true)
    let before = pool.heldByteCount
    var first = try take()
    var second = try take()
    #expect(pool.heldByteCount == before + Self.pageByteCount)
    var third = try take()
    #expect(pool.heldByteCount == before + 2 * Self.pageByteCount)
    fill(&first, with: 1)
    fill(&second, with: 2)
    fill(&third, with: 3)
    let areFilled = [
      isFilled(first, with: 1), isFilled(second, with: 2), isFilled(third, with: 3),
    ]
    #expect(areFilled == [true, true, true])
  }

  @Test func `what somebody has is never given back`() throws {
    let pool = LargeBuffers.shared
    var buffer = try take()
    fill(&buffer, with: 7)
    for _ in 0..<3 { pool.discardIdle(evenRecent: true) }
    let isKept = isFilled(buffer, with: 7)
    #expect(isKept)
  }

  @Test func `what was in use lately is kept for one look more`() throws {
    let pool = LargeBuffers.shared
    pool.discardIdle(evenRecent: true)
    let before = pool.heldByteCount
    do { _ = try take() }
    #expect(pool.heldByteCount == before + Self.pageByteCount)
    pool.discardIdle()
    #expect(pool.heldByteCount == before + Self.pageByteCount)
    pool.discardIdle()
    #expect(pool.heldByteCount == before)
  }
}
