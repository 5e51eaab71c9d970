internal import Bytes

/// What the map of a compressed file says about one logical cluster.
package struct ClusterIndex: Hashable, Sendable {
  package enum Kind: UInt8, Hashable, Sendable {
    /// An extent that is not compressed starts here.
    case plain = 0
    /// An extent starts here that the first algorithm compressed.
    case head1 = 1
    /// No extent starts here.
    case continuation = 2
    /// An extent starts here that the second algorithm compressed.
    case head2 = 3
  }

  package var kind: Kind
  /// Heads: where in the cluster the extent starts.
  package var clusterOffset: Int = 0
  /// Heads: the first block of the extent's data.
  package var block: UInt32 = 0
  /// Continuations: the distance to the head, in clusters; capped, to be followed repeatedly.
  package var headDistance: Int = 0
  /// First continuations in files with big clusters: how many blocks the extent's data has.
  package var blockCount: Int?
  /// Heads: the data may decode to more than the extent.
  package var isPartial = false

  package var isHead: Bool { kind != .continuation }

  /// A continuation whose distance field is `field`, which may hold a block count instead.
  fileprivate init(continuation field: Int) {
    kind = .continuation
    if field & 0x800 != 0 {
      blockCount = field & 0x7FF
      headDistance = 1
    } else {
      headDistance = field
    }
  }

  fileprivate init(head kind: Kind, clusterOffset: Int, block: UInt32, isPartial: Bool = false) {
    self.kind = kind
    self.clusterOffset = clusterOffset
    self.block = block
    self.isPartial = isPartial
  }
}

/// Indexes of 8 bytes each.
///
/// | Offset | Size | Field                                                           |
/// |-------:|-----:|-----------------------------------------------------------------|
/// |      0 |    2 | bits 0-1 kind, 14 hole, 15 partial                              |
/// |      2 |    2 | offset in the cluster                                           |
/// |      4 |    4 | block; continuations: distance to the head, to the next head    |
package enum FullIndexes {
  package static let recordByteCount = 8

  /// Decodes index `position` of those in `bytes`, which starts with a whole one.
  package static func index(
    at position: Int, in bytes: RawSpan, nid: UInt64
  ) throws(EROFSError) -> ClusterIndex {
    let offset = position * recordByteCount
    let flags: UInt16 = bytes.load(fromByteOffset: offset)
    guard flags & 0x4000 == 0 else { throw EROFSError(.unsupported("sparse clusters"), at: nid) }
    guard flags & 0x3FFC == 0, let kind = ClusterIndex.Kind(rawValue: UInt8(flags & 3)) else {
      throw EROFSError(.badExtent("index flags 0x\(String(flags, radix: 16))"), at: nid)
    }
    if kind == .continuation {
      return ClusterIndex(
        continuation: Int(bytes.load(fromByteOffset: offset + 4, as: UInt16.self)))
    }
    return ClusterIndex(
      head: kind, clusterOffset: Int(bytes.load(fromByteOffset: offset + 2, as: UInt16.self)),
      block: bytes.load(fromByteOffset: offset + 4), isPartial: flags & 0x8000 != 0)
  }
}

/// Indexes of 4 bytes, and of 2 in the middle of the table where it is aligned to 32 bytes.
///
/// They come in packs that end in a block address: 2 indexes of 16 bits, or 16 of 14 bits. An
/// index is its kind above 12 or more bits: the offset of a head, or the distance of a
/// continuation. The last continuation of a pack has its distance to the next head instead.
package struct CompactIndexes: Hashable, Sendable {
  /// Indexes that share a block address.
  package struct Pack: Hashable, Sendable {
    /// Where the pack starts in the table, in bytes.
    package let offset: UInt64
    package let byteCount: Int
    package let firstCluster: UInt64
    package let indexCount: Int
  }

  private let isDense: Bool
  /// Clusters whose indexes precede the first of the 2-byte ones.
  private let leadingCount: UInt64
  private let denseCount: UInt64
  private let offsetBits: Int
  private let hasBigClusters: Bool

  /// The table for `clusterCount` clusters that starts at byte `tableOffset`, a multiple of 8.
  package init(
    tableOffset: UInt64, clusterCount: UInt64, clusterBits: UInt8, isDense: Bool,
    hasBigClusters: Bool
  ) {
    self.isDense = isDense
    leadingCount = (32 - tableOffset % 32) / 4 & 7
    denseCount =
      isDense && leadingCount < clusterCount
      ? (clusterCount - leadingCount).roundedDown(toMultipleOf: 16) : 0
    offsetBits = max(Int(clusterBits), 12)
    self.hasBigClusters = hasBigClusters
  }

  /// The pack that holds the index of `cluster`.
  package func pack(of cluster: UInt64) -> Pack {
    let denseStart = leadingCount * 4
    if cluster >= leadingCount, cluster - leadingCount < denseCount {
      let number = (cluster - leadingCount) / 16
      return Pack(
        offset: denseStart + number * 32, byteCount: 32,
        firstCluster: leadingCount + number * 16, indexCount: 16)
    }
    // Both zones of 4-byte indexes begin at an even cluster, so pairs never straddle a border.
    let pair = cluster & ~1
    let saved = cluster < leadingCount ? 0 : denseCount * 2
    return Pack(offset: pair * 4 - saved, byteCount: 8, firstCluster: pair, indexCount: 2)
  }

  /// Decodes `pack`, whose bytes are `bytes`, and appends its indexes to `indexes`.
  package func decode(
    _ bytes: RawSpan, of pack: Pack, nid: UInt64, into indexes: inout [ClusterIndex]
  ) throws(EROFSError) {
    let indexBits = (pack.byteCount - 4) * 8 / pack.indexCount
    // Wraps around: a table may start below the first block by one.
    var block: UInt32 = bytes.load(fromByteOffset: pack.byteCount - 4)
    var isOpen = false
    for position in 0..<pack.indexCount {
      let bit = position * indexBits
      let word = bytes.load(fromByteOffset: bit / 8, as: UInt32.self) >> UInt32(bit % 8)
      let field = Int(word) & (1 << offsetBits - 1)
      guard let kind = ClusterIndex.Kind(rawValue: UInt8(word >> UInt32(offsetBits) & 3)) else {
        throw EROFSError(.badExtent("index kind"), at: nid)
      }
      guard kind == .continuation else {
        if !hasBigClusters || isOpen { block &+= 1 }
        isOpen = true
        indexes.append(ClusterIndex(head: kind, clusterOffset: field, block: block))
        continue
      }
      var index = ClusterIndex(continuation: field)
      if let blockCount = index.blockCount {
        block &+= UInt32(blockCount)
        isOpen = false
      } else if position == pack.indexCount - 1, let previous = indexes.last, position > 0 {
        index.headDistance = previous.isHead ? 1 : previous.headDistance + 1
      } else if hasBigClusters, field <= 1 {
        throw EROFSError(.badExtent("cluster without its block count"), at: nid)
      }
      indexes.append(index)
    }
  }
}
