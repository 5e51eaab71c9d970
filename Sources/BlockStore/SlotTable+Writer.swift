internal import Linux
internal import Synchronization

/// What the writer thread calls, and no other.
extension SlotTable {
  /// Writer: puts a block into the table as `slot`, in place of the slot that had it.
  func publish(
    _ slot: UInt32, handle: UInt32, block: UInt32, checksum: UInt64, lastUse: UInt32
  ) -> Publication {
    let place = place(handle, block)
    locks.lock(place.shard)
    defer { locks.unlock(place.shard) }
    let index = Int(slot)
    let existing = find(handle, block, place)
    if existing == nil,
      unsafe shards[place.shard].entryCount >= shardCellCount - shardCellCount / 8
    {
      return .refused
    }
    let time = clock.wrappingAdd(1, ordering: .relaxed).newValue
    unsafe slots[index].handle = handle
    unsafe slots[index].block = block
    unsafe slots[index].checksum = checksum
    unsafe slots[index].lastUse = lastUse
    unsafe slots[index].stamp = UInt16(truncatingIfNeeded: time >> clockShift)  // wraps by design
    unsafe slots[index].isQueued = false
    unsafe slots[index].state = .live
    if let existing {
      let old = unsafe cells[existing]
      unsafe slots[Int(old)].state = .quarantined
      unsafe cells[existing] = slot
      return .replaced(old)
    }
    var cell = place.home
    while unsafe cells[cell] != Self.none { cell = after(cell, place.shard) }
    unsafe cells[cell] = slot
    unsafe shards[place.shard].entryCount += 1
    return .added
  }

  /// Writer: has the processor fetch the cell where the block would be, to publish it soon.
  func prefetch(handle: UInt32, block: UInt32) {
    unsafe HeapMemory.prefetch(cells + place(handle, block).home)
  }

  /// Writer: has the processor fetch what there is about a slot, for its place in the list.
  func prefetch(_ slot: UInt32) {
    unsafe HeapMemory.prefetch(slots + Int(slot))
    unsafe HeapMemory.prefetch(links + 2 * Int(slot))
  }

  /// Writer: takes a live slot that nobody holds out of the table; false when it is otherwise.
  func withdraw(_ slot: UInt32) -> Bool {
    let index = Int(slot)
    let (handle, block) = key(of: slot)
    let place = place(handle, block)
    locks.lock(place.shard)
    defer { locks.unlock(place.shard) }
    guard unsafe slots[index].state == .live, unsafe slots[index].pins == 0,
      let cell = find(handle, block, place), unsafe cells[cell] == slot
    else { return false }
    removeCell(cell, place.shard)
    unsafe slots[index].state = .quarantined
    return true
  }

  /// Writer: the slot that holds the block, or nil.
  func slot(handle: UInt32, block: UInt32) -> UInt32? {
    let place = place(handle, block)
    locks.lock(place.shard)
    defer { locks.unlock(place.shard) }
    return find(handle, block, place).map { cell in unsafe cells[cell] }
  }

  /// Writer: which block the slot holds, or held last.
  func key(of slot: UInt32) -> (handle: UInt32, block: UInt32) {
    unsafe (slots[Int(slot)].handle, slots[Int(slot)].block)
  }

  /// Writer: the checksum of the slot's block.
  func checksum(of slot: UInt32) -> UInt64 {
    unsafe slots[Int(slot)].checksum
  }

  /// Writer: the slot's state, pins and last use at this moment.
  func status(of slot: UInt32) -> (state: Slot.State, pins: Int, lastUse: UInt32) {
    let (handle, block) = key(of: slot)
    let shard = place(handle, block).shard
    locks.lock(shard)
    defer { locks.unlock(shard) }
    let slot = unsafe slots[Int(slot)]
    return (slot.state, Int(slot.pins), slot.lastUse)
  }

  /// Writer: sets the state of a slot that is not in the table.
  func setState(_ state: Slot.State, of slot: UInt32) {
    let (handle, block) = key(of: slot)
    let shard = place(handle, block).shard
    locks.lock(shard)
    defer { locks.unlock(shard) }
    unsafe slots[Int(slot)].state = state
  }

  /// Writer: sets the last use of a slot, as remembered from before.
  func setLastUse(_ seconds: UInt32, of slot: UInt32) {
    let (handle, block) = key(of: slot)
    let shard = place(handle, block).shard
    locks.lock(shard)
    defer { locks.unlock(shard) }
    unsafe slots[Int(slot)].lastUse = seconds
  }

  /// Writer: calls `body` with every live slot used since the last call, in order within a shard.
  func drainUses(_ body: (UInt32) -> Void) {
    isQueueFull.store(false, ordering: .relaxed)
    var used: [UInt32] = []
    used.reserveCapacity(Self.queueLength)
    for shard in 0..<locks.count {
      used.removeAll(keepingCapacity: true)
      locks.lock(shard)
      let count = unsafe shards[shard].queuedCount
      for position in 0..<count {
        let slot = unsafe queues[shard * Self.queueLength + position]
        // The slot may have been given to a block of another shard since, whose lock guards it now;
        // a use of the old block says nothing about the new one.
        let (handle, block) = key(of: slot)
        guard place(handle, block).shard == shard else { continue }
        unsafe slots[Int(slot)].isQueued = false
        if unsafe slots[Int(slot)].state == .live { used.append(slot) }
      }
      unsafe shards[shard].queuedCount = 0
      locks.unlock(shard)
      for slot in used { body(slot) }
    }
  }

  /// Writer: the slot's neighbour towards the hot end of its list, with the list's mark on top.
  func previous(of slot: UInt32) -> UInt32 { unsafe links[2 * Int(slot)] }

  /// Writer: the slot's neighbour towards the cold end of its list.
  func next(of slot: UInt32) -> UInt32 { unsafe links[2 * Int(slot) + 1] }

  /// Writer: see ``previous(of:)``.
  func setPrevious(_ previous: UInt32, of slot: UInt32) {
    unsafe links[2 * Int(slot)] = previous
  }

  /// Writer: see ``next(of:)``.
  func setNext(_ next: UInt32, of slot: UInt32) { unsafe links[2 * Int(slot) + 1] = next }
}
