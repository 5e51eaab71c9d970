internal import Bytes
internal import CZstd

/// A decoder of zstd frames; not thread-safe.
@safe
final class ZstdDecoder {
  /// The largest window that EROFS allows, 1 MiB, as a power of two.
  private static let windowLogLimit: Int32 = 20

  private let context: OpaquePointer

  /// Fails when there is no memory for the state.
  init?() {
    guard let context = unsafe ZSTD_createDCtx() else { return nil }
    unsafe self.context = unsafe context
    let status = unsafe ZSTD_DCtx_setParameter(
      context, ZSTD_d_windowLogMax, Self.windowLogLimit)
    precondition(ZSTD_isError(status) == 0, "zstd cannot limit its window")
  }

  deinit {
    unsafe ZSTD_freeDCtx(context)
  }

  /// Decodes `source` until `target` is full, where its frame must end unless it `goesOn`.
  func decode(
    _ source: RawSpan, into target: inout MutableRawSpan, goesOn: Bool
  ) -> DecodingStatus {
    unsafe source.withUnsafeBytes { input in
      unsafe target.withUnsafeMutableBytes { output in
        // What a frame says of its own size may be a lie, but it only chooses the way.
        if unsafe ZSTD_getFrameContentSize(input.baseAddress, input.count) == UInt64(output.count) {
          let count = unsafe ZSTD_decompressDCtx(
            context, output.baseAddress, output.count, input.baseAddress, input.count)
          if ZSTD_isError(count) == 0 { return .decoded(count) }
        }
        return unsafe decodeInPieces(input, output, goesOn: goesOn)
      }
    }
  }

  /// Decodes until one side is used up: part of a frame, or what something follows.
  @unsafe
  private func decodeInPieces(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, goesOn: Bool
  ) -> DecodingStatus {
    unsafe ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
    var source = unsafe ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    var target = unsafe ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
    var isAtEnd = false
    while !isAtEnd, unsafe target.pos < target.size || !goesOn {
      let before = unsafe source.pos + target.pos
      let status = unsafe ZSTD_decompressStream(context, &target, &source)
      if ZSTD_isError(status) != 0 {
        return ZSTD_getErrorCode(status) == ZSTD_error_memory_allocation ? .noMemory : .malformed
      }
      let after = unsafe source.pos + target.pos
      isAtEnd = status == 0
      // A decoder that waits for input which will never come, or for room.
      if after == before { break }
    }
    return unsafe isAtEnd || goesOn || target.pos < target.size ? .decoded(target.pos) : .malformed
  }
}
