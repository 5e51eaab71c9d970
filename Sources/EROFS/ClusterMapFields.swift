package import Bytes

/// An extent of a compressed file as a builder stores it: neighbours in the file are neighbours on
/// disk, so only lengths are needed.
package struct StoredExtent: Hashable, Sendable {
  /// How much of the file it is.
  package var byteCount: Int
  /// How many blocks its data has.
  package var blockCount: Int
  /// Whether those hold the bytes compressed, or as they are.
  package var isCompressed: Bool

  package init(byteCount: Int, blockCount: Int, isCompressed: Bool) {
    self.byteCount = byteCount
    self.blockCount = blockCount
    self.isCompressed = isCompressed
  }
}

/// The map of one compressed file: a header and an index for every block of the file.
///
/// Indexes are compact when data blocks follow each other, and full otherwise. The tables stand at
/// ``ClusterMapHeader``, ``FullIndexes`` and ``CompactIndexes``.
package struct ClusterMapFields: Hashable, Sendable {
  package let blockSizeBits: UInt8
  /// The size of the file.
  package let fileByteCount: UInt64
  package let isCompact: Bool
  /// Whether some extent of the image, not only of this file, has more than one block.
  package let hasBigClusters: Bool
  /// The size of the last extent's data behind the indexes; 0 when it is elsewhere.
  package var inlineByteCount: Int
  /// What every compressed extent is compressed with.
  package var algorithm: CompressionAlgorithm

  package init(
    blockSizeBits: UInt8, fileByteCount: UInt64, isCompact: Bool, hasBigClusters: Bool,
    inlineByteCount: Int = 0, algorithm: CompressionAlgorithm = .lz4
  ) {
    self.blockSizeBits = blockSizeBits
    self.fileByteCount = fileByteCount
    self.isCompact = isCompact
    self.hasBigClusters = hasBigClusters
    self.inlineByteCount = inlineByteCount
    self.algorithm = algorithm
  }

  package var clusterCount: UInt64 {
    fileByteCount.dividedRoundingUp(by: 1 << UInt64(blockSizeBits))
  }

  /// Where the first index is in the image, when the inode and its attributes end at `offset`.
  ///
  /// Full indexes follow 8 bytes that mean nothing.
  package func tableOffset(behind offset: UInt64) -> UInt64 {
    offset.roundedUp(toMultipleOf: 8) + UInt64(ClusterMapHeader.byteCount) + (isCompact ? 0 : 8)
  }

  /// The bytes from `offset`, where the inode and its attributes end, to the end of the indexes.
  package func byteCount(behind offset: UInt64) -> Int {
    let table = tableOffset(behind: offset)
    return Int(table - offset) + tableByteCount(at: table)
  }

  private func tableByteCount(at tableOffset: UInt64) -> Int {
    guard clusterCount > 0 else { return 0 }
    guard isCompact else { return Int(clusterCount) * FullIndexes.recordByteCount }
    let last = compactTable(at: tableOffset).pack(of: clusterCount - 1)
    return Int(last.offset) + last.byteCount
  }

  func compactTable(at tableOffset: UInt64) -> CompactIndexes {
    CompactIndexes(
      tableOffset: tableOffset, clusterCount: clusterCount, clusterBits: blockSizeBits,
      isDense: isDense, hasBigClusters: hasBigClusters)
  }

  /// Two-byte indexes have 12 bits for an offset within a cluster.
  private var isDense: Bool { isCompact && blockSizeBits <= 12 }

  /// Whether a map can have compact indexes at all with blocks of 2 to the power of `bits` bytes.
  package static func allowsCompact(blockSizeBits bits: UInt8) -> Bool { bits <= 14 }

  /// Appends padding and header; `offset` is where the writer stands in the image.
  package func encodeHeader(into writer: inout ByteWriter, at offset: UInt64) {
    for _ in offset..<offset.roundedUp(toMultipleOf: 8) { writer.append(UInt8(0)) }
    var flags: UInt16 = isDense ? 0x01 : 0
    if hasBigClusters { flags |= 0x06 }
    if inlineByteCount > 0 { flags |= 0x08 }
    writer.append(UInt16(0))
    writer.append(UInt16(inlineByteCount))
    writer.append(flags)
    writer.append(UInt16(algorithm.rawValue))
    if !isCompact { writer.append(UInt64(0)) }
  }
}
