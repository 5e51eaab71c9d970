internal import Bytes
internal import CLZMA
internal import CZlib
internal import CZstd

/// Decompresses a file of gzip, xz or zstd as it arrives; members and frames may follow each other.
///
/// ```
/// var decoder = try StreamDecoder(.gzip)
/// let (consumed, produced) = try decoder.decode(input, into: &target, isLast: false)
/// ```
@safe
package struct StreamDecoder: ~Copyable {
  package enum Format: String, Sendable {
    case gzip, xz, zstd

    /// The format of a file that starts with `bytes`, or nil when it is none of these.
    package init?(magicIn bytes: RawSpan) {
      let magics: [(Format, [UInt8])] = [
        (.gzip, [0x1F, 0x8B]), (.xz, [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]),
        (.zstd, [0x28, 0xB5, 0x2F, 0xFD]),
      ]
      for (format, magic) in magics where bytes.byteCount >= magic.count {
        if bytes.extracting(0..<magic.count).compareBytes(to: magic.rawSpan) == 0 {
          self = format
          return
        }
      }
      return nil
    }
  }

  /// What xz may take for its dictionary and state.
  private static let memoryByteCountLimit: UInt64 = 1 << 30

  /// `LZMA_CONCATENATED`, which does not import: streams may follow each other.
  private static let concatenated: UInt32 = 0x08

  private let format: Format
  // The libraries keep the address of their state, so it may not move.
  private let zlib: UnsafeMutablePointer<z_stream>
  private let lzma: UnsafeMutablePointer<lzma_stream>
  private let zstd: OpaquePointer?
  /// Whether what was decoded so far is whole.
  package private(set) var isAtEnd = true

  /// A decoder that has seen no bytes; throws when memory is short.
  package init(_ format: Format) throws(CodecError) {
    self.format = format
    unsafe zlib = .allocate(capacity: 1)
    unsafe zlib.initialize(to: z_stream())
    unsafe lzma = .allocate(capacity: 1)
    unsafe lzma.initialize(to: lzma_stream())
    unsafe zstd = format == .zstd ? ZSTD_createDStream() : nil
    let isReady =
      switch format {
      // 15 bits of window, and 16 for the header of gzip.
      case .gzip:
        unsafe inflateInit2_(zlib, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
      case .xz:
        unsafe lzma_stream_decoder(
          lzma, Self.memoryByteCountLimit, Self.concatenated) == LZMA_OK
      case .zstd: unsafe zstd != nil
      }
    guard isReady else { throw CodecError(codec: format.rawValue, code: .noMemory) }
  }

  deinit {
    if format == .gzip { unsafe inflateEnd(zlib) }
    unsafe lzma_end(lzma)
    unsafe ZSTD_freeDStream(zstd)
    unsafe zlib.deallocate()
    unsafe lzma.deallocate()
  }

  /// Decodes a part of `input` into a part of `target`; returns how much of each was used.
  ///
  /// Nothing is used of either when more input is needed. `isLast` says that none will follow.
  package mutating func decode(
    _ input: RawSpan, into target: inout MutableRawSpan, isLast: Bool
  ) throws(CodecError) -> (consumed: Int, produced: Int) {
    let used: (Int, Int)? = unsafe input.withUnsafeBytes { source in
      unsafe target.withUnsafeMutableBytes { output in
        guard let from = source.baseAddress, let to = output.baseAddress else { return (0, 0) }
        let bytes = unsafe from.assumingMemoryBound(to: UInt8.self)
        let room = unsafe to.assumingMemoryBound(to: UInt8.self)
        return switch format {
        case .gzip: unsafe inflateSome(bytes, source.count, room, output.count)
        case .xz: unsafe decodeXZ(bytes, source.count, room, output.count, isLast: isLast)
        case .zstd: unsafe decodeZstd(bytes, source.count, room, output.count)
        }
      }
    }
    guard let used else { throw CodecError(codec: format.rawValue, code: .malformed) }
    return used
  }

  @unsafe
  private mutating func inflateSome(
    _ source: UnsafePointer<UInt8>, _ count: Int, _ target: UnsafeMutablePointer<UInt8>, _ room: Int
  ) -> (Int, Int)? {
    // A member that follows another.
    if isAtEnd, count > 0 { unsafe inflateReset(zlib) }
    unsafe zlib.pointee.next_in = UnsafeMutablePointer(mutating: source)
    unsafe zlib.pointee.avail_in = UInt32(count)
    unsafe zlib.pointee.next_out = target
    unsafe zlib.pointee.avail_out = UInt32(room)
    let status = unsafe inflate(zlib, Z_NO_FLUSH)
    guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else { return nil }
    let consumed = unsafe count - Int(zlib.pointee.avail_in)
    if consumed > 0 || status == Z_STREAM_END { isAtEnd = status == Z_STREAM_END }
    return (consumed, unsafe room - Int(zlib.pointee.avail_out))
  }

  @unsafe
  private mutating func decodeXZ(
    _ source: UnsafePointer<UInt8>, _ count: Int, _ target: UnsafeMutablePointer<UInt8>,
    _ room: Int, isLast: Bool
  ) -> (Int, Int)? {
    unsafe lzma.pointee.next_in = source
    unsafe lzma.pointee.avail_in = count
    unsafe lzma.pointee.next_out = target
    unsafe lzma.pointee.avail_out = room
    let status = unsafe lzma_code(lzma, isLast ? LZMA_FINISH : LZMA_RUN)
    guard status == LZMA_OK || status == LZMA_STREAM_END || status == LZMA_BUF_ERROR else {
      return nil
    }
    isAtEnd = status == LZMA_STREAM_END
    return unsafe (count - lzma.pointee.avail_in, room - lzma.pointee.avail_out)
  }

  @unsafe
  private mutating func decodeZstd(
    _ source: UnsafePointer<UInt8>, _ count: Int, _ target: UnsafeMutablePointer<UInt8>, _ room: Int
  ) -> (Int, Int)? {
    var input = unsafe ZSTD_inBuffer(src: source, size: count, pos: 0)
    var output = unsafe ZSTD_outBuffer(dst: target, size: room, pos: 0)
    let status = unsafe ZSTD_decompressStream(zstd, &output, &input)
    guard ZSTD_isError(status) == 0 else { return nil }
    isAtEnd = status == 0
    return unsafe (input.pos, output.pos)
  }
}
