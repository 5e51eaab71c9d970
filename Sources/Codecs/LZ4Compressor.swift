internal import Bytes
internal import CLZ4

/// Fills a target of a fixed size with as much compressed input as it can hold.
///
/// One compressor serves one thread; it keeps the working memory of its level. What it makes of an
/// input does not depend on those before.
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
  private let state: UnsafeMutablePointer<LZ4_streamHC_t>?

  /// A compressor; traps when there is no memory for its state.
  package init(_ effort: Effort) {
    self.effort = effort
    switch effort {
    case .fast: unsafe state = nil
    case .high:
      guard let made = unsafe LZ4_createStreamHC() else {
        preconditionFailure("no memory for an LZ4HC encoder")
      }
      unsafe state = unsafe made
    }
  }

  deinit {
    if let state = unsafe state { _ = unsafe LZ4_freeStreamHC(state) }
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
          unsafe fillHC(state, from, to, &consumed, capacity, Int32(level))
        }
      }
    }
    guard produced > 0, consumed > 0 else { return nil }
    return (Int(consumed), Int(produced))
  }
}

/// As `LZ4_compress_HC_destSize`, but without clearing a quarter of a MiB first: entries of former
/// inputs stay in the tables, out of reach by their distance.
@unsafe
private func fillHC(
  _ state: UnsafeMutablePointer<LZ4_streamHC_t>?, _ source: UnsafePointer<CChar>,
  _ target: UnsafeMutablePointer<CChar>, _ consumed: inout Int32, _ capacity: Int32, _ level: Int32
) -> Int32 {
  unsafe LZ4_resetStreamHC_fast(state, level)
  return unsafe LZ4_compress_HC_continue_destSize(state, source, target, &consumed, capacity)
}
