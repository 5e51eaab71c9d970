internal import Codecs
internal import Linux

/// The decompressors of an image that no thread uses now.
///
/// Thread-safe.
final class DecompressorPool: Sendable {
  /// As many as are kept for later: an LZMA dictionary may have 8 MiB.
  private static let idleCountLimit = 4

  private let idle = Lock([Decompressor]())

  /// A decompressor for the caller alone, to be given back.
  func take() -> Decompressor {
    idle.withLock { $0.popLast() } ?? Decompressor()
  }

  /// Takes `decompressor` back, which its caller uses no more.
  func give(_ decompressor: Decompressor) {
    idle.withLock { if $0.count < Self.idleCountLimit { $0.append(decompressor) } }
  }
}
