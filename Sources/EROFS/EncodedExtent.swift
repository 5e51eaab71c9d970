internal import Bytes

/// One record of a compressed file's table of extents.
///
/// | Length of record | Fields of 4 bytes each                                            |
/// |-----------------:|-------------------------------------------------------------------|
/// |                4 | size; one 8-byte address of the first extent precedes the table   |
/// |                8 | size, address low                                                 |
/// |               16 | size, address low, address high, file offset low                  |
/// |               32 | as 16, file offset high, 12 bytes spare                           |
///
/// Records of up to 8 bytes are for extents of one cluster each.
package struct EncodedExtent: Hashable, Sendable {
  /// What the extent's bytes are.
  package enum Encoding: Hashable, Sendable {
    case plain
    case compressed(CompressionAlgorithm)
  }

  /// The first field as it is, for the last record of a file with a fragment.
  package let sizeField: UInt32
  /// The low half of the address, for the same purpose.
  package let addressLow: UInt32
  /// The size of the extent's data; 0 for a hole.
  package var byteCount: Int { Int(sizeField & 0x1F_FFFF) }
  /// Whether the data may decode to more than the extent.
  package var isPartial: Bool { sizeField & 1 << 27 != 0 }
  /// Where the data is, in bytes; 0 in records of 4 bytes.
  package let address: UInt64
  /// Where in the file the extent starts; 0 in records of up to 8 bytes.
  package let fileOffset: UInt64

  /// Decodes the record of `recordByteCount` bytes at `offset`.
  package init(decoding bytes: RawSpan, at offset: Int, recordByteCount: Int) {
    func word(_ index: Int) -> UInt32 { bytes.load(fromByteOffset: offset + 4 * index) }
    sizeField = word(0)
    addressLow = recordByteCount >= 8 ? word(1) : 0
    let addressHigh = recordByteCount >= 16 ? word(2) : 0
    address = UInt64(addressHigh) << 32 | UInt64(addressLow)
    let low = recordByteCount >= 16 ? word(3) : 0
    let high = recordByteCount == 32 ? word(4) : 0
    fileOffset = UInt64(high) << 32 | UInt64(low)
  }

  /// What the data is; throws for an algorithm that does not exist.
  package func encoding(nid: UInt64) throws(EROFSError) -> Encoding {
    let number = UInt8(sizeField >> 28)
    if number == 0 { return .plain }
    guard let algorithm = CompressionAlgorithm(rawValue: number - 1) else {
      throw EROFSError(.badExtent("encoding \(number)"), at: nid)
    }
    return .compressed(algorithm)
  }
}
