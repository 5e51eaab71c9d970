internal import Bytes

/// Where one chunk of a file is.
package enum ChunkAddress: Hashable, Sendable {
  /// Nowhere: the chunk is all zeros.
  case hole
  /// From `block` on, on extra device `device`, or in unified addresses when that is 0.
  case block(UInt64, device: Int)
}

/// The shape of a chunked file's table: one record a chunk, in order.
///
/// Records are 32-bit block addresses, or 8 bytes: address bits 32 to 47, device, bits 0 to 31.
package struct ChunkTable: Hashable, Sendable {
  /// Chunks have 2 to the power of this many bytes.
  package let chunkBits: UInt8
  /// The length of a record: 4 or 8.
  package let recordByteCount: Int
  /// The first record.
  package let address: MetadataAddress
  private let isWide: Bool
  private let deviceMask: UInt16

  /// The table of `inode`, whose layout is chunked.
  package init(of inode: Inode, superblock: Superblock) throws(EROFSError) {
    let format = inode.chunkFormat
    let hasIndexes = format & 0x20 != 0
    isWide = format & 0x40 != 0
    guard format < 0x80, hasIndexes || !isWide else {
      throw EROFSError(
        .badInode("chunk format 0x\(String(format, radix: 16))"), at: inode.nid)
    }
    chunkBits = superblock.blockSizeBits + UInt8(format & 0x1F)
    recordByteCount = hasIndexes ? 8 : 4
    address = try inode.trailerAddress().aligned(to: UInt64(recordByteCount))
    var mask: UInt16 = 0
    while Int(mask) < superblock.extraDeviceCount { mask = mask << 1 | 1 }
    deviceMask = mask
  }

  /// Decodes record `index` of those in `records`, which starts with a whole one.
  package func chunk(at index: Int, in records: RawSpan) -> ChunkAddress {
    let offset = index * recordByteCount
    guard recordByteCount == 8 else {
      let block: UInt32 = records.load(fromByteOffset: offset)
      return block == .max ? .hole : .block(UInt64(block), device: 0)
    }
    let low = UInt64(records.load(fromByteOffset: offset + 4, as: UInt32.self))
    let high = isWide ? UInt64(records.load(fromByteOffset: offset, as: UInt16.self)) : 0
    let block = low | high << 32
    if block == (isWide ? 0xFFFF_FFFF_FFFF : 0xFFFF_FFFF) { return .hole }
    let device: UInt16 = records.load(fromByteOffset: offset + 2)
    return .block(block, device: Int(device & deviceMask))
  }
}
