internal import Bytes
internal import CLZMA

/// A decoder of MicroLZMA streams; not thread-safe.
@safe
final class LZMADecoder {
  /// liblzma keeps its memory in here from one stream to the next.
  private let stream: UnsafeMutablePointer<lzma_stream>

  init() {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: lzma_stream())
  }

  deinit {
    unsafe lzma_end(stream)
    unsafe stream.deallocate()
  }

  /// Decodes `source` until `target` is full, where it must end unless it `goesOn`.
  func decode(
    _ source: RawSpan, dictionaryByteCount: UInt32, into target: inout MutableRawSpan, goesOn: Bool
  ) -> DecodingStatus {
    // The stream has no end mark: its end is known by its size, or not at all.
    let status = unsafe lzma_microlzma_decoder(
      stream, UInt64(source.byteCount), UInt64(target.byteCount), goesOn ? 0 : 1,
      dictionaryByteCount)
    guard status == LZMA_OK else { return status == LZMA_MEM_ERROR ? .noMemory : .malformed }
    return unsafe source.withUnsafeBytes { input in
      unsafe target.withUnsafeMutableBytes { output in
        unsafe stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_in = input.count
        unsafe stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = output.count
        let status = unsafe lzma_code(stream, LZMA_FINISH)
        let decodedCount = unsafe output.count - stream.pointee.avail_out
        switch status {
        case LZMA_OK, LZMA_STREAM_END, LZMA_BUF_ERROR: return .decoded(decodedCount)
        case LZMA_MEM_ERROR: return .noMemory
        default: return .malformed
        }
      }
    }
  }
}
