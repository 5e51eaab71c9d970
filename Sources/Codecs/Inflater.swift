internal import Bytes
internal import CZlib

/// A decoder of DEFLATE streams without a header; not thread-safe.
@safe
final class Inflater {
  // Negative: no header. The widest window, for it costs little and streams do not name theirs.
  private static let windowBits: Int32 = -15

  /// On the heap, for zlib's state points back at it.
  private let stream: UnsafeMutablePointer<z_stream>

  /// Fails when there is no memory for the state.
  init?() {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    let status = unsafe inflateInit2_(
      stream, Self.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else { return nil }
  }

  deinit {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// Decodes `source` until `target` is full, where it must end unless it `goesOn`; each is shorter
  /// than 4 GiB.
  func decode(
    _ source: RawSpan, into target: inout MutableRawSpan, goesOn: Bool
  ) -> DecodingStatus {
    let reset = unsafe inflateReset(stream)
    precondition(reset == Z_OK, "zlib's state is damaged")
    return unsafe source.withUnsafeBytes { input in
      unsafe target.withUnsafeMutableBytes { output in
        guard let inputCount = UInt32(exactly: input.count),
          let outputCount = UInt32(exactly: output.count)
        else { return .malformed }
        // zlib takes it as mutable and does not change it.
        unsafe stream.pointee.next_in = UnsafeMutablePointer(
          mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe stream.pointee.avail_in = inputCount
        unsafe stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = outputCount
        // One call does all there is room and input for; and with Z_FINISH it builds no window
        // when all of the output fits.
        let status = unsafe inflate(stream, Z_FINISH)
        let decodedCount = unsafe Int(outputCount - stream.pointee.avail_out)
        switch status {
        case Z_STREAM_END: return .decoded(decodedCount)
        case Z_OK, Z_BUF_ERROR:
          return goesOn || decodedCount < output.count ? .decoded(decodedCount) : .malformed
        case Z_MEM_ERROR: return .noMemory
        default: return .malformed
        }
      }
    }
  }
}
