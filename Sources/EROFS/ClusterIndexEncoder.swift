package import Bytes

/// Turns the extents of one file into the indexes of its map, a pack at a time.
///
/// Memory is that of one pack, whatever the size of the file: bytes are handed over as they come.
package struct ClusterIndexEncoder {
  /// The farthest distance that an index can name.
  private static let distanceLimit = 0x7FF

  /// What is known of one logical cluster.
  private struct Slot {
    var kind: ClusterIndex.Kind
    var clusterOffset = 0
    var block: UInt32 = 0
    /// In clusters; 0 for heads.
    var distanceToHead = 0
    var distanceToNext = 0
    /// The first continuation behind a head of big clusters.
    var blockCount: Int?
  }

  private let map: ClusterMapFields
  private let table: CompactIndexes
  private var pending: [Slot] = []
  private var firstPending: UInt64 = 0
  private var clusterOffset = 0
  /// The address that the next pack starts from.
  private var running: UInt32
  /// Whether the blocks of the last head are not part of `running` yet.
  private var isOpen: Bool

  /// An encoder of the indexes of `map` that start at byte `tableOffset` of the image; data blocks
  /// start at `firstBlock` when they follow each other.
  package init(map: ClusterMapFields, tableOffset: UInt64, firstBlock: UInt32) {
    self.map = map
    table = map.compactTable(at: tableOffset)
    // Without big clusters every head counts on from the one before the first.
    running = map.hasBigClusters ? firstBlock : firstBlock &- 1
    isOpen = !map.hasBigClusters
  }

  /// Appends the indexes that `extent`, whose data is at `block`, completes.
  package mutating func append(
    _ extent: StoredExtent, at block: UInt32, into writer: inout ByteWriter
  ) {
    let end = clusterOffset + extent.byteCount
    let count = end >> Int(map.blockSizeBits)
    pending.append(
      Slot(
        kind: extent.isCompressed ? .head1 : .plain, clusterOffset: clusterOffset, block: block))
    for position in stride(from: 1, to: count, by: 1) {
      pending.append(
        Slot(
          kind: .continuation, distanceToHead: min(position, Self.distanceLimit),
          distanceToNext: min(count - position, Self.distanceLimit),
          blockCount: position == 1 && map.hasBigClusters ? extent.blockCount : nil))
    }
    // An extent that ends within the cluster it starts in is the last, and needs no end marker.
    clusterOffset = count == 0 ? 0 : end & (1 << Int(map.blockSizeBits) - 1)
    drain(into: &writer, isLast: false)
  }

  /// Appends what is left, behind the last extent.
  package mutating func finish(into writer: inout ByteWriter) {
    if clusterOffset > 0 { pending.append(Slot(kind: .plain, clusterOffset: clusterOffset)) }
    drain(into: &writer, isLast: true)
    precondition(pending.isEmpty, "extents unlike the file they are of")
  }

  private mutating func drain(into writer: inout ByteWriter, isLast: Bool) {
    guard map.isCompact else {
      for slot in pending { encodeFull(slot, into: &writer) }
      pending.removeAll(keepingCapacity: true)
      return
    }
    var taken = 0
    while taken < pending.count {
      let pack = table.pack(of: firstPending)
      guard pending.count - taken >= pack.indexCount || isLast else { break }
      let end = min(pending.count, taken + pack.indexCount)
      encode(Array(pending[taken..<end]), as: pack, into: &writer)
      firstPending += UInt64(end - taken)
      taken = end
    }
    pending.removeFirst(taken)
  }

  private func encodeFull(_ slot: Slot, into writer: inout ByteWriter) {
    writer.append(UInt16(slot.kind.rawValue))
    writer.append(UInt16(slot.clusterOffset))
    if slot.kind == .continuation {
      writer.append(UInt16(slot.blockCount.map { 0x800 | $0 } ?? slot.distanceToHead))
      writer.append(UInt16(slot.distanceToNext))
    } else {
      writer.append(slot.block)
    }
  }

  private mutating func encode(
    _ slots: [Slot], as pack: CompactIndexes.Pack, into writer: inout ByteWriter
  ) {
    let indexBits = (pack.byteCount - 4) * 8 / pack.indexCount
    let offsetBits = max(Int(map.blockSizeBits), 12)
    var base = running
    var mayMoveBase = map.hasBigClusters
    var bytes = [UInt8](repeating: 0, count: pack.byteCount)
    for (position, slot) in slots.enumerated() {
      let field: Int
      if slot.kind == .continuation {
        if let blockCount = slot.blockCount {
          running &+= UInt32(blockCount)
          isOpen = false
          field = 0x800 | blockCount
        } else {
          field = position == pack.indexCount - 1 ? slot.distanceToNext : slot.distanceToHead
        }
      } else {
        if isOpen {
          running &+= 1
          if mayMoveBase { base = running }
        }
        isOpen = true
        mayMoveBase = false
        field = slot.clusterOffset
      }
      Self.store(
        UInt32(slot.kind.rawValue) << UInt32(offsetBits) | UInt32(field), bits: indexBits,
        at: position * indexBits, in: &bytes)
    }
    var span = bytes.mutableRawSpan
    span.store(base, atByteOffset: pack.byteCount - 4)
    writer.append(bytes)
  }

  /// Stores the low `count` bits of `value` from bit `position` on, lowest first; they are zero.
  private static func store(
    _ value: UInt32, bits count: Int, at position: Int, in bytes: inout [UInt8]
  ) {
    var rest = value << UInt32(position % 8)
    var index = position / 8
    while rest != 0 {
      bytes[index] |= UInt8(truncatingIfNeeded: rest)  // a byte at a time
      rest >>= 8
      index += 1
    }
    precondition(index * 8 <= position + count + 7, "an index of too many bits")
  }
}
