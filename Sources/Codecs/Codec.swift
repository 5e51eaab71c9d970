/// A codec of EROFS images, with what its streams do not say of themselves.
package enum Codec: Hashable, Sendable {
  /// LZ4 blocks without a frame.
  case lz4
  /// LZMA without a header but for its properties, whose bits are inverted.
  ///
  /// No match is farther away than `dictionaryByteCount`.
  case microLZMA(dictionaryByteCount: UInt32)
  /// DEFLATE without a header.
  case deflate
  /// Frames of zstd.
  case zstd

  /// The usual name, for messages.
  var name: String {
    switch self {
    case .lz4: "LZ4"
    case .microLZMA: "MicroLZMA"
    case .deflate: "DEFLATE"
    case .zstd: "zstd"
    }
  }
}
