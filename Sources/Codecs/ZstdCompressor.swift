internal import Bytes
internal import CZstd

/// Compresses stretches of input to a zstd frame each, independent of those before.
///
/// One compressor serves one thread; it keeps the working memory of its level. Frames name their
/// size and have no checksum.
@safe
package struct ZstdCompressor: ~Copyable {
  /// The levels that need no more memory to decode than the frame's content.
  package static let levels = 1...22
  /// The level that people get who name none.
  package static let defaultLevel = 3

  private let context: OpaquePointer
  private let level: Int

  /// A compressor of one of ``levels``; traps when there is no memory for its state.
  package init(level: Int) {
    guard let context = unsafe ZSTD_createCCtx() else {
      preconditionFailure("no memory for a zstd encoder")
    }
    unsafe self.context = unsafe context
    self.level = level
  }

  deinit {
    unsafe ZSTD_freeCCtx(context)
  }

  /// Compresses all of `source` into the start of `target`; returns the frame's length.
  ///
  /// Nil when it does not fit; the content of `target` is arbitrary then.
  package mutating func compress(
    _ source: RawSpan, into target: inout MutableRawSpan
  ) -> Int? {
    let count = unsafe source.withUnsafeBytes { input in
      unsafe target.withUnsafeMutableBytes { output in
        unsafe ZSTD_compressCCtx(
          context, output.baseAddress, output.count, input.baseAddress, input.count, Int32(level))
      }
    }
    return ZSTD_isError(count) == 0 ? count : nil
  }
}
