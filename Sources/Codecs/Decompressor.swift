internal import Bytes

/// Decodes streams of every ``Codec``, one after the other, and keeps the codecs' memory meanwhile.
///
/// A codec takes its memory with its first stream: DEFLATE 40 KiB, zstd 100 KiB and a window of up
/// to 1 MiB when only part of a frame is wanted, LZMA its dictionary and 30 KiB. Not thread-safe:
/// a thread at a time.
package final class Decompressor {
  private var lzma: LZMADecoder?
  private var inflater: Inflater?
  private var zstd: ZstdDecoder?

  package init() {}

  /// Decodes the stream `source`, or its start, until `target` is full.
  ///
  /// Only when it `goesOn` may the stream encode more than `target` holds. Never writes past
  /// `target` nor waits for more input, whatever `source` holds; after an error the content of
  /// `target` is arbitrary.
  package func decode(
    _ source: RawSpan, by codec: Codec, into target: inout MutableRawSpan,
    goesOn: Bool = true
  ) throws(CodecError) {
    if target.isEmpty { return }
    let status: DecodingStatus
    switch codec {
    case .lz4: return try LZ4.decode(source, into: &target, goesOn: goesOn)
    case .microLZMA(let dictionaryByteCount):
      let decoder = lzma ?? LZMADecoder()
      lzma = decoder
      status = decoder.decode(
        source, dictionaryByteCount: dictionaryByteCount, into: &target, goesOn: goesOn)
    case .deflate:
      guard let decoder = inflater ?? Inflater() else {
        throw CodecError(codec: codec.name, code: .noMemory)
      }
      inflater = decoder
      status = decoder.decode(source, into: &target, goesOn: goesOn)
    case .zstd:
      guard let decoder = zstd ?? ZstdDecoder() else {
        throw CodecError(codec: codec.name, code: .noMemory)
      }
      zstd = decoder
      status = decoder.decode(source, into: &target, goesOn: goesOn)
    }
    switch status {
    case .decoded(let count) where count == target.byteCount: return
    case .decoded(let count):
      throw CodecError(codec: codec.name, code: .tooShort(decoded: count, wanted: target.byteCount))
    case .malformed: throw CodecError(codec: codec.name, code: .malformed)
    case .noMemory: throw CodecError(codec: codec.name, code: .noMemory)
    }
  }
}

/// What became of a stream.
enum DecodingStatus {
  /// It is well-formed as far as it was needed, and gave that many bytes.
  case decoded(Int)
  case malformed
  /// The codec's library got no memory.
  case noMemory
}
