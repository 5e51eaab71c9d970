internal import Bytes
internal import Codecs

/// The encoder of one thread, kept from cluster to cluster for its memory.
struct ClusterCompressor: ~Copyable {
  let effort: CompressionEffort
  private var lz4: LZ4Compressor?
  private var zstd: ZstdCompressor?

  init(_ effort: CompressionEffort) {
    self.effort = effort
    switch effort {
    case .fast: lz4 = LZ4Compressor(.fast)
    case .high(let level): lz4 = LZ4Compressor(.high(level: level))
    case .zstd(let level): zstd = ZstdCompressor(level: level)
    }
  }

  /// Compresses a prefix of `source` into the start of `target`, by LZ4, and all of it by zstd.
  ///
  /// Returns the length of the prefix and of what it became; nil when it does not fit.
  mutating func compress(
    _ source: RawSpan, into target: inout MutableRawSpan
  ) -> (consumed: Int, produced: Int)? {
    if zstd != nil {
      return zstd?.compress(source, into: &target).map { (source.byteCount, $0) }
    }
    return lz4?.fill(&target, from: source)
  }
}
