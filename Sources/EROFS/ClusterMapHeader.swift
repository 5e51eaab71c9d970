internal import Bytes

/// The header of a compressed inode's map, 8 bytes at the next multiple of 8 behind the inode.
///
/// | Offset | Size | Field                                                              |
/// |-------:|-----:|--------------------------------------------------------------------|
/// |      0 |    4 | fragment offset, or extent count, low bits                         |
/// |      2 |    2 | size of the inline cluster, when there is no fragment              |
/// |      4 |    2 | flags                                                              |
/// |      6 |    1 | algorithms; with a table of extents, 2 bytes of their count        |
/// |      7 |    1 | cluster bits - block bits; bit 7: the file is one fragment         |
package struct ClusterMapHeader: Hashable, Sendable {
  package static let byteCount = 8

  /// How the map finds its extents.
  package enum Form: Hashable, Sendable {
    /// The file is part of the packed inode, from this byte on.
    case wholeFragment(offset: UInt64)
    /// An index of 8 bytes a cluster.
    case fullIndexes
    /// Indexes of 4 bytes, and of 2 where `isDense` and alignment allows.
    case compactIndexes(isDense: Bool)
    /// A table of records of this length and number.
    case extents(recordByteCount: Int, count: UInt64)
  }

  package let form: Form
  /// Logical clusters have 2 to the power of this many bytes.
  package let clusterBits: UInt8
  /// Whether clusters that a head of the first kind opens may have many blocks.
  package let hasBigClusters1: Bool
  /// Whether other clusters may have many blocks.
  package let hasBigClusters2: Bool
  /// Whether uncompressed clusters are rotated to keep each byte's place within its block.
  package let isInterlaced: Bool
  /// The size of the last extent's data behind the indexes; 0 when it is elsewhere.
  package let inlineByteCount: Int
  /// The low bits of where in the packed inode the last extent is; nil when it is elsewhere.
  package let fragmentOffset: UInt32?
  /// The algorithms of the two kinds of heads.
  package let algorithms: [UInt8]

  /// Decodes and checks the header in `bytes` of an inode with layout `layout`.
  package init(
    decoding bytes: RawSpan, of inode: Inode, superblock: Superblock
  ) throws(EROFSError) {
    let flags: UInt16 = bytes.load(fromByteOffset: 4)
    let low: UInt32 = bytes.load(fromByteOffset: 0)
    let shape = bytes.byte(at: 7)
    let isCompact = inode.dataLayout == .compressedCompact
    let hasExtents = !isCompact && flags & 0x01 != 0
    func bad(_ reason: String) -> EROFSError { EROFSError(.badExtent(reason), at: inode.nid) }

    let isWholeFragment = shape & 0x80 != 0 && !hasExtents
    let hasFragment = flags & 0x20 != 0
    fragmentOffset = hasFragment && !isWholeFragment ? low : nil
    let inlineSize = Int(bytes.load(fromByteOffset: 2, as: UInt16.self))
    let isInline = flags & 0x08 != 0 && !hasFragment && !hasExtents && !isWholeFragment
    inlineByteCount = isInline ? inlineSize : 0
    isInterlaced = flags & 0x10 != 0
    hasBigClusters1 = flags & 0x02 != 0 && !hasExtents
    hasBigClusters2 = flags & 0x04 != 0 && !hasExtents
    algorithms = [bytes.byte(at: 6) & 15, bytes.byte(at: 6) >> 4]
    clusterBits = superblock.blockSizeBits + (shape & 15)

    if isWholeFragment {
      form = .wholeFragment(
        offset: bytes.load(fromByteOffset: 0, as: UInt64.self) & ~(1 << 63))
      return
    }
    guard flags & ~0x3F == 0 else { throw EROFSError(.unsupported("map flags"), at: inode.nid) }
    if hasExtents {
      let count = UInt64(bytes.load(fromByteOffset: 6, as: UInt16.self)) << 32 | UInt64(low)
      form = .extents(recordByteCount: 4 << Int(flags >> 1 & 3), count: count)
      return
    }
    guard inlineByteCount <= superblock.blockByteCount else { throw bad("inline cluster size") }
    guard shape & 15 == 0 else {
      throw EROFSError(.unsupported("logical clusters of several blocks"), at: inode.nid)
    }
    guard algorithms[0] < 4, algorithms[1] < 4 else { throw bad("compression algorithm") }
    if isCompact {
      guard hasBigClusters1 == hasBigClusters2 else { throw bad("cluster size flags") }
      let isDense = flags & 0x01 != 0
      guard clusterBits <= (isDense ? 12 : 14) else { throw bad("compact index of 64 KiB") }
      form = .compactIndexes(isDense: isDense)
    } else {
      form = .fullIndexes
    }
  }
}
