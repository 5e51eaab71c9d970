internal import Linux
internal import Synchronization

/// Finds the slot of a block: the slots' state and a sharded, open-addressed hash table over it.
///
/// 40 bytes a slot: a ``Slot``, two links and two cells of the table. A look-up takes one lock out
/// of up to 64 and allocates nothing. Blocks are named by (handle, block index),
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

  @safe
  struct Shard {
    /// Slots' numbers plus one, or 0 for an empty cell; twice as many as slots.
    ///
    /// Nil only until the first ``resize(to:)``.
    var cells: UnsafeMutablePointer<UInt32>!
    var cellCount = 0
    var entryCount = 0
    var queuedCount = 0
  }

  static let queueLength = 256

  /// Its elements are guarded as ``Slot`` says.
  let slots: SlotElements
  private let array: SlotArray
  let shards: UnsafeMutablePointer<Shard>
  let queues: UnsafeMutablePointer<UInt32>
  private let shardBits: UInt64
  let locks: LockArray
  /// Counts insertions and promotions; uses within 1/64 of a turnover count as one.
  let clock = Atomic<UInt32>(0)
  let clockShift = Atomic<UInt32>(0)
  /// Set when a shard's queue of uses is full, until ``drainUses(_:)``.
  let isQueueFull = Atomic<Bool>(false)

  /// A table for `slotCount` slots; nil when memory is short.
  init?(slotCount: Int) {
    guard let array = SlotArray() else { return nil }
    slots = array.elements
    self.array = array
    var bits: UInt64 = 0
    while bits < 6, slotCount >> Int(bits + 1) >= 512 { bits += 1 }
    shardBits = bits
    let shardCount = 1 << Int(bits)
    locks = LockArray(count: shardCount)
    unsafe shards = .allocate(capacity: shardCount)
    for shard in 0..<shardCount {
      unsafe (shards + shard).initialize(to: Shard())
    }
    unsafe queues = .allocate(capacity: Self.queueLength * shardCount)
    unsafe queues.initialize(repeating: 0, count: Self.queueLength * shardCount)
    guard resize(to: slotCount) else { return nil }
  }

  deinit {
    for shard in 0..<locks.count {
      if let cells = unsafe shards[shard].cells { unsafe ZeroedMemory.deallocate(cells) }
    }
    unsafe shards.deallocate()
    unsafe queues.deallocate()
  }

  /// Writer: makes the table one for `slotCount` slots, of which no live one lies beyond; false
  /// when memory is short, with nothing lost.
  ///
  /// Each shard is locked while its entries move: some 20 ms for a quarter of a million.
  func resize(to slotCount: Int) -> Bool {
    guard array.grow(to: slotCount) else { return false }
    let cellCount = max(16, (2 * slotCount + locks.count - 1) / locks.count)
    for shard in 0..<locks.count {
      guard let cells = unsafe ZeroedMemory.allocate(UInt32.self, count: cellCount) else {
        return false
      }
      locks.lock(shard)
      defer { locks.unlock(shard) }
      let old = unsafe shards[shard]
      guard old.entryCount < cellCount - cellCount / 8 else {
        // More entries hash here than a smaller shard can take; the larger one goes on serving.
        unsafe ZeroedMemory.deallocate(cells)
        continue
      }
      unsafe shards[shard].cells = cells
      unsafe shards[shard].cellCount = cellCount
      for cell in 0..<old.cellCount where unsafe old.cells[cell] != 0 {
        let (handle, block) = key(of: unsafe old.cells[cell] - 1)
        let free = emptyCell(for: place(handle, block))
        unsafe cells[free] = unsafe old.cells[cell]
      }
      if let oldCells = unsafe old.cells { unsafe ZeroedMemory.deallocate(oldCells) }
    }
    var shift: UInt32 = 0
    while slotCount >> Int(shift + 7) > 0 { shift += 1 }  // log2 of a 64th of the slots
    clockShift.store(shift, ordering: .relaxed)
    return true
  }
}

// The hash table, with the shard's lock held.
extension SlotTable {
  /// Where a key belongs; which cell that is depends on the shard's size at the time.
  struct Place {
    let shard: Int
    /// 32 bits of hash.
    let position: UInt64
  }

  func place(_ handle: UInt32, _ block: UInt32) -> Place {
    // The finalizer of MurmurHash3: every input bit reaches every output bit.
    var hash = UInt64(handle) << 32 | UInt64(block)
    hash = (hash ^ hash >> 33) &* 0xFF51_AFD7_ED55_8CCD
    hash = (hash ^ hash >> 33) &* 0xC4CE_B9FE_1A85_EC53
    hash ^= hash >> 33
    return Place(shard: Int(hash & ((1 << shardBits) - 1)), position: hash >> 32)
  }

  /// The cell with the block's slot, and the slot.
  func find(_ handle: UInt32, _ block: UInt32, _ place: Place) -> (cell: Int, slot: UInt32)? {
    let shard = unsafe shards[place.shard]
    var cell = home(of: place)
    while true {
      let entry = unsafe shard.cells[cell]
      guard entry != 0 else { return nil }
      let slot = entry - 1
      if slots[slot].block == block, slots[slot].handle == handle { return (cell, slot) }
      cell = cell + 1 == shard.cellCount ? 0 : cell + 1
    }
  }

  /// The first empty cell for a key that is not in the table.
  func emptyCell(for place: Place) -> Int {
    let shard = unsafe shards[place.shard]
    var cell = home(of: place)
    while unsafe shard.cells[cell] != 0 {
      cell = cell + 1 == shard.cellCount ? 0 : cell + 1
    }
    return cell
  }

  /// Empties a cell and closes the gap, so that no probe stops short of what lies beyond.
  func removeCell(_ removed: Int, _ shardIndex: Int) {
    unsafe shards[shardIndex].entryCount -= 1
    let shard = unsafe shards[shardIndex]
    let cellCount = shard.cellCount
    func after(_ cell: Int) -> Int { cell + 1 == cellCount ? 0 : cell + 1 }
    func distance(from start: Int, to end: Int) -> Int {
      end >= start ? end - start : end - start + cellCount
    }
    var gap = removed
    var cell = after(gap)
    while unsafe shard.cells[cell] != 0 {
      let (handle, block) = key(of: unsafe shard.cells[cell] - 1)
      // Move the entry unless its home lies in (gap, cell], cyclically.
      let fromHome = distance(from: home(of: place(handle, block)), to: cell)
      if fromHome >= distance(from: gap, to: cell) {
        unsafe shard.cells[gap] = unsafe shard.cells[cell]
        gap = cell
      }
      cell = after(cell)
    }
    unsafe shard.cells[gap] = 0
  }

  func home(of place: Place) -> Int {
    Int((place.position &* UInt64(unsafe shards[place.shard].cellCount)) >> 32)
  }
}
