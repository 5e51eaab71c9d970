import Bytes
import CLZMA
import CZlib
import CZstd
import Codecs

/// An encoder for each codec; most of them are encoded by tests only.
enum StreamEncoder {
  static let dictionaryByteCount: UInt32 = 1 << 16

  /// `plain` as one stream of `codec`, empty when the library refuses.
  static func encode(_ plain: [UInt8], by codec: Codec) -> [UInt8] {
    var plain = plain
    var stream = [UInt8](repeating: 0, count: plain.count + plain.count / 2 + 1000)
    let count =
      switch codec {
      case .lz4: lz4(plain, &stream)
      case .microLZMA: lzma(&plain, &stream)
      case .deflate: deflate(&plain, &stream)
      case .zstd: ZSTD_compress(&stream, stream.count, plain, plain.count, 9)
      }
    return Array(stream.prefix(count))
  }

  private static func lz4(_ plain: [UInt8], _ stream: inout [UInt8]) -> Int {
    guard let block = LZ4.encode(plain.rawSpan) else { return 0 }
    stream.replaceSubrange(0..<block.count, with: block)
    return block.count
  }

  private static func lzma(_ plain: inout [UInt8], _ stream: inout [UInt8]) -> Int {
    var options = lzma_options_lzma()
    lzma_lzma_preset(&options, 6)
    options.dict_size = dictionaryByteCount
    return plain.withUnsafeMutableBufferPointer { input in
      stream.withUnsafeMutableBufferPointer { output in
        var state = lzma_stream()
        defer { lzma_end(&state) }
        guard lzma_microlzma_encoder(&state, &options) == LZMA_OK else { return 0 }
        state.next_in = UnsafePointer(input.baseAddress)
        state.avail_in = input.count
        state.next_out = output.baseAddress
        state.avail_out = output.count
        return lzma_code(&state, LZMA_FINISH) == LZMA_STREAM_END ? Int(state.total_out) : 0
      }
    }
  }

  private static func deflate(_ plain: inout [UInt8], _ stream: inout [UInt8]) -> Int {
    plain.withUnsafeMutableBufferPointer { input in
      stream.withUnsafeMutableBufferPointer { output in
        var state = z_stream()
        defer { deflateEnd(&state) }
        let status = deflateInit2_(
          &state, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
          Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { return 0 }
        state.next_in = input.baseAddress
        state.avail_in = UInt32(input.count)
        state.next_out = output.baseAddress
        state.avail_out = UInt32(output.count)
        return CZlib.deflate(&state, Z_FINISH) == Z_STREAM_END ? Int(state.total_out) : 0
      }
    }
  }
}
