internal import Bytes
internal import EROFS

/// Where the content of one regular file went; blocks count from the start of the data, or of the
/// base image.
enum ContentRecord: Sendable {
  /// Nowhere: the file is empty.
  case empty
  case plain(firstBlock: UInt32, tail: Spill.Range?)
  /// A byte for each stretch of 2 to the power of `chunkBits` bytes: 1 for one of zeros; the others
  /// follow each other.
  case sparse(firstBlock: UInt32, chunkBits: UInt8, map: Spill.Range)
  /// A record for each chunk: see ``RecordForm``.
  case chunked(chunkBits: UInt8, Spill.Range)
  /// A ``StoredExtent`` for each extent; the data of the last is in `tail`, if anything is.
  case compressed(
    CompressionAlgorithm, firstBlock: UInt32, blockCount: UInt32, extents: Spill.Range,
    tail: Spill.Range?)
}

/// How extents and chunks are kept until metadata is written.
enum RecordForm {
  /// The length of an extent's record.
  static let extentByteCount = 8
  /// The length of a chunk's record: its block, or all ones for a hole.
  static let chunkByteCount = 4

  static func encode(_ extents: [StoredExtent]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: extents.count * extentByteCount)
    var span = bytes.mutableRawSpan
    for (index, extent) in extents.enumerated() {
      let offset = index * extentByteCount
      span.store(UInt32(extent.byteCount), atByteOffset: offset)
      span.store(UInt16(extent.blockCount), atByteOffset: offset + 4)
      span.store(UInt16(extent.isCompressed ? 1 : 0), atByteOffset: offset + 6)
    }
    return bytes
  }

  static func extent(at index: Int, in bytes: RawSpan) -> StoredExtent {
    let offset = index * extentByteCount
    return StoredExtent(
      byteCount: Int(bytes.load(fromByteOffset: offset, as: UInt32.self)),
      blockCount: Int(bytes.load(fromByteOffset: offset + 4, as: UInt16.self)),
      isCompressed: bytes.load(fromByteOffset: offset + 6, as: UInt16.self) == 1)
  }
}
