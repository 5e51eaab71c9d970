internal import Linux
internal import Synchronization

/// Finds the slot of a block: the slots' state and a sharded, open-addressed hash table over it.
///
/// 40 bytes a slot, allocated once: a ``Slot``, two links and two cells of the table. A look-up
/// takes one lock out of up to 64 and allocates nothing. Blocks are named by (handle, block index),
/// where a handle is an object in one epoch, see ``Incarnation``.
///
/// Only the writer thread puts blocks in; it takes them out too, and readers do so with a block
/// that failed its checksum. Methods say "writer" where no other thread may call them.
@safe
final class SlotTable: @unchecked Sendable {
  /// A slot that a reader holds: not reused until ``unpin(_:keeping:)``.
  struct Pin {
    let slot: UInt32
    let checksum: UInt64
    let shard: Int
    let handle: UInt32
    let block: UInt32
  }

  /// What ``publish(_:handle:block:checksum:lastUse:)`` did.
  enum Publication: Equatable {
    case added
    /// The block was in this slot, which is quarantined now.
    case replaced(UInt32)
    /// The shard has no cell left; the slot is not in the table.
    case refused
  }

  struct Shard {
    var entryCount = 0
    var queuedCount = 0
  }

  static let none = UInt32.max
  static let queueLength = 256

  let slotCount: Int
  let slots: UnsafeMutablePointer<Slot>
  /// The neighbours of each slot in the recency list, towards the hot and the cold end.
  ///
  /// They belong to the writer thread alone.
  let links: UnsafeMutablePointer<UInt32>
  let cells: UnsafeMutablePointer<UInt32>
  let shards: UnsafeMutablePointer<Shard>
  let queues: UnsafeMutablePointer<UInt32>
  private let shardBits: UInt64
  let shardCellCount: Int
  let locks: LockArray
  /// Counts insertions and promotions; uses within 1/64 of a turnover count as one.
  let clock = Atomic<UInt32>(0)
  let clockShift: UInt32
  /// Set when a shard's queue of uses is full, until ``drainUses(_:)``.
  let isQueueFull = Atomic<Bool>(false)

  init(slotCount: Int) {
    self.slotCount = slotCount
    var bits: UInt64 = 0
    while bits < 6, slotCount >> Int(bits + 1) >= 512 { bits += 1 }
    shardBits = bits
    let shardCount = 1 << Int(bits)
    shardCellCount = max(16, (2 * slotCount + shardCount - 1) / shardCount)
    var shift: UInt32 = 0
    while slotCount >> Int(shift + 7) > 0 { shift += 1 }  // log2 of a 64th of the slots
    clockShift = shift
    locks = LockArray(count: shardCount)
    unsafe slots = Self.allocate(slotCount)
    unsafe slots.initialize(repeating: Slot(), count: slotCount)
    unsafe links = Self.allocate(2 * slotCount)
    unsafe links.initialize(repeating: Self.none, count: 2 * slotCount)
    unsafe cells = Self.allocate(shardCellCount * shardCount)
    unsafe cells.initialize(repeating: Self.none, count: shardCellCount * shardCount)
    unsafe shards = .allocate(capacity: shardCount)
    unsafe shards.initialize(repeating: Shard(), count: shardCount)
    unsafe queues = .allocate(capacity: Self.queueLength * shardCount)
    unsafe queues.initialize(repeating: Self.none, count: Self.queueLength * shardCount)
  }

  private static func allocate<Element>(_ count: Int) -> UnsafeMutablePointer<Element> {
    let memory = UnsafeMutablePointer<Element>.allocate(capacity: count)
    unsafe HeapMemory.preferHugePages(memory, byteCount: count * MemoryLayout<Element>.stride)
    return unsafe memory
  }

  deinit {
    unsafe slots.deallocate()
    unsafe links.deallocate()
    unsafe cells.deallocate()
    unsafe shards.deallocate()
    unsafe queues.deallocate()
  }
}

// The hash table, with the shard's lock held.
extension SlotTable {
  struct Place {
    let shard: Int
    /// The cell that the key hashes to.
    let home: Int
  }

  func place(_ handle: UInt32, _ block: UInt32) -> Place {
    // The finalizer of MurmurHash3: every input bit reaches every output bit.
    var hash = UInt64(handle) << 32 | UInt64(block)
    hash = (hash ^ hash >> 33) &* 0xFF51_AFD7_ED55_8CCD
    hash = (hash ^ hash >> 33) &* 0xC4CE_B9FE_1A85_EC53
    hash ^= hash >> 33
    let shard = Int(hash & ((1 << shardBits) - 1))
    let position = Int(((hash >> 32) &* UInt64(shardCellCount)) >> 32)
    return Place(shard: shard, home: shard * shardCellCount + position)
  }

  func find(_ handle: UInt32, _ block: UInt32, _ place: Place) -> Int? {
    var cell = place.home
    while true {
      let slot = unsafe cells[cell]
      if slot == Self.none { return nil }
      if unsafe slots[Int(slot)].block == block, unsafe slots[Int(slot)].handle == handle {
        return cell
      }
      cell = after(cell, place.shard)
    }
  }

  func after(_ cell: Int, _ shard: Int) -> Int {
    cell + 1 == (shard + 1) * shardCellCount ? shard * shardCellCount : cell + 1
  }

  /// Empties a cell and closes the gap, so that no probe stops short of what lies beyond.
  func removeCell(_ removed: Int, _ shard: Int) {
    unsafe shards[shard].entryCount -= 1
    var gap = removed
    var cell = after(gap, shard)
    while unsafe cells[cell] != Self.none {
      let (handle, block) = key(of: unsafe cells[cell])
      let home = place(handle, block).home
      // Move the entry unless its home lies in (gap, cell], cyclically.
      let fromHome = distance(from: home, to: cell)
      if fromHome >= distance(from: gap, to: cell) {
        unsafe cells[gap] = unsafe cells[cell]
        gap = cell
      }
      cell = after(cell, shard)
    }
    unsafe cells[gap] = Self.none
  }

  private func distance(from start: Int, to end: Int) -> Int {
    end >= start ? end - start : end - start + shardCellCount
  }
}
