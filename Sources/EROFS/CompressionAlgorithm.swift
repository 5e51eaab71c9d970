internal import Bytes

/// The algorithms that compress file data, by their number on disk.
package enum CompressionAlgorithm: UInt8, Hashable, Sendable, CaseIterable {
  case lz4 = 0
  case lzma = 1
  case deflate = 2
  case zstd = 3

  /// The name for messages.
  package var name: String {
    switch self {
    case .lz4: "LZ4"
    case .lzma: "MicroLZMA"
    case .deflate: "DEFLATE"
    case .zstd: "zstd"
    }
  }
}

/// What the superblock says about the compression algorithms of an image.
package struct CompressionConfiguration: Hashable, Sendable {
  /// The most bytes a compressed extent may occupy.
  package static let encodedByteCountLimit = 1 << 20
  /// The most bytes a compressed extent may decode to.
  package static let decodedByteCountLimit = 12 << 20

  /// One bit an algorithm, numbered as ``CompressionAlgorithm``; extents may use no other.
  package var availableAlgorithms: UInt16
  /// How far back LZMA data may refer, in bytes; 0 when none is used.
  package private(set) var lzmaDictionaryByteCount: UInt32 = 0

  /// Whether extents may use `algorithm`.
  package func allows(_ algorithm: CompressionAlgorithm) -> Bool {
    availableAlgorithms >> UInt16(algorithm.rawValue) & 1 == 1
  }
}

extension CompressionConfiguration {
  /// Decodes and checks the records in `records`, which starts right behind the superblock.
  ///
  /// There is one record an algorithm in `field`, in order: a 16-bit length, aligned to 4 bytes,
  /// and that many bytes. Images without records can only use LZ4; `field` is its distance then.
  init(
    decoding records: RawSpan, features: IncompatibleFeatures, field: UInt16, blockSizeBits: UInt8
  ) throws(EROFSError) {
    guard features.contains(.compressionConfigurations) else {
      let declaresLZ4 = features.contains(.zeroPadding) || field != 0
      availableAlgorithms = declaresLZ4 ? 1 : 0
      return
    }
    guard field < 16 else {
      throw EROFSError(.unsupported("compression algorithms 0x\(String(field, radix: 16))"))
    }
    availableAlgorithms = field
    var offset = 0
    for algorithm in CompressionAlgorithm.allCases where allows(algorithm) {
      offset = offset.roundedUp(toMultipleOf: 4)
      guard offset + 2 <= records.byteCount else { throw Self.bad(algorithm) }
      let byteCount = Int(records.load(fromByteOffset: offset, as: UInt16.self))
      offset += 2
      guard offset + byteCount <= records.byteCount else { throw Self.bad(algorithm) }
      let record = records.extracting(offset..<offset + byteCount)
      try Self.check(algorithm, record, blockSizeBits: blockSizeBits)
      if algorithm == .lzma { lzmaDictionaryByteCount = record.load(fromByteOffset: 0) }
      offset += byteCount
    }
  }

  private static func check(
    _ algorithm: CompressionAlgorithm, _ record: RawSpan, blockSizeBits: UInt8
  ) throws(EROFSError) {
    let needed = algorithm == .lz4 || algorithm == .lzma ? 14 : 6
    guard record.byteCount >= needed else { throw bad(algorithm) }
    switch algorithm {
    case .lz4:
      let blockCount = Int(record.load(fromByteOffset: 2, as: UInt16.self))
      guard blockCount <= encodedByteCountLimit >> Int(blockSizeBits) else { throw bad(algorithm) }
    case .lzma:
      guard record.load(fromByteOffset: 4, as: UInt16.self) == 0 else {
        throw EROFSError(.unsupported("LZMA format other than MicroLZMA"))
      }
      let dictionary: UInt32 = record.load(fromByteOffset: 0)
      guard (4 << 10...8 << 20).contains(dictionary) else { throw bad(algorithm) }
    case .deflate:
      guard (8...15).contains(record.byte(at: 0)) else { throw bad(algorithm) }
    case .zstd:
      guard record.byte(at: 0) == 0 else { throw EROFSError(.unsupported("zstd format")) }
      guard record.byte(at: 1) <= 10 else { throw bad(algorithm) }
    }
  }

  private static func bad(_ algorithm: CompressionAlgorithm) -> EROFSError {
    EROFSError(.badSuperblock("\(algorithm.name) configuration"))
  }
}
