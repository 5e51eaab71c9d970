internal import Bytes
internal import CLZ4

/// Fills a target of a fixed size with as much compressed input as it can hold.
///
/// One compressor serves one thread; it keeps the working memory of its level.
@safe
package struct LZ4Compressor: ~Copyable {
  /// How hard to try.
  package enum Effort: Hashable, Sendable {
    case fast
    /// LZ4HC at this level, from 1 to 12.
    case high(level: Int)
  }

  /// The levels of LZ4HC.
  package static let levels = 1...12
  /// The level of LZ4HC that people get who name none.
  package static let defaultLevel = 9

  private let effort: Effort
  /// LZ4HC's working memory; the fast encoder has its own on the stack.
  private let state: UnsafeMutableRawPointer?

  package init(_ effort: Effort) {
    self.effort = effort
    switch effort {
    case .fast: unsafe state = nil
    case .high:
      unsafe state = .allocate(
        byteCount: Int(LZ4_sizeofStateHC()), alignment: MemoryLayout<UInt64>.alignment)
    }
  }

  deinit {
    unsafe state?.deallocate()
  }

  /// Compresses a prefix of `source` into the start of `target`.
  ///
  /// Returns the length of that prefix and of what it became; nil when the codec failed. The prefix
  /// is the longest that fits, as far as the encoder finds out.
  package mutating func fill(
    _ target: inout MutableRawSpan, from source: RawSpan
  ) -> (consumed: Int, produced: Int)? {
    guard var consumed = Int32(exactly: source.byteCount),
      let capacity = Int32(exactly: target.byteCount), consumed > 0, capacity > 0
    else { return nil }
    let effort = effort
    let state = unsafe state
    let produced = unsafe source.withUnsafeBytes { input in
      unsafe target.withUnsafeMutableBytes { output -> Int32 in
        guard let input = input.baseAddress, let output = output.baseAddress else { return 0 }
        let from = unsafe input.assumingMemoryBound(to: CChar.self)
        let to = unsafe output.assumingMemoryBound(to: CChar.self)
        return switch effort {
        case .fast: unsafe LZ4_compress_destSize(from, to, &consumed, capacity)
        case .high(let level):
          unsafe LZ4_compress_HC_destSize(state, from, to, &consumed, capacity, Int32(level))
        }
      }
    }
    guard produced > 0, consumed > 0 else { return nil }
    return (Int(consumed), Int(produced))
  }
}
