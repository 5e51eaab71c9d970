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
    let existing = find(handle, block, place)
    let shard = unsafe shards[place.shard]
    if existing == nil, shard.entryCount >= shard.cellCount - shard.cellCount / 8 {
      return .refused
    }
    let time = clock.wrappingAdd(1, ordering: .relaxed).newValue
    slots[slot].handle = handle
    slots[slot].block = block
    slots[slot].checksum = checksum
    slots[slot].lastUse = lastUse
    slots[slot].stamp = stamp(at: time)
    slots[slot].isQueued = false
    slots[slot].state = .live
    if let existing {
      slots[existing.slot].state = .quarantined
      unsafe shard.cells[existing.cell] = slot + 1
      return .replaced(existing.slot)
    }
    unsafe shard.cells[emptyCell(for: place)] = slot + 1
    unsafe shards[place.shard].entryCount += 1
    return .added
  }

  /// Writer: has the processor fetch the cell where the block would be, to publish it soon.
  func prefetch(handle: UInt32, block: UInt32) {
    let place = place(handle, block)
    unsafe HeapMemory.prefetch(shards[place.shard].cells + home(of: place))
  }

  /// Writer: has the processor fetch what there is about a slot, for its place in the list.
  func prefetch(_ slot: UInt32) {
    slots.prefetch(slot)
  }

  /// Writer: takes a live slot that nobody holds out of the table; false when it is otherwise.
  func withdraw(_ slot: UInt32) -> Bool {
    let (handle, block) = key(of: slot)
    let place = place(handle, block)
    locks.lock(place.shard)
    defer { locks.unlock(place.shard) }
    guard slots[slot].state == .live, slots[slot].pins == 0,
      let found = find(handle, block, place), found.slot == slot
    else { return false }
    removeCell(found.cell, place.shard)
    slots[slot].state = .quarantined
    return true
  }

  /// Writer: takes a block out of the table, also while readers hold its slot; returns the slot.
  func remove(handle: UInt32, block: UInt32) -> UInt32? {
    let place = place(handle, block)
    locks.lock(place.shard)
    defer { locks.unlock(place.shard) }
    guard let found = find(handle, block, place) else { return nil }
    removeCell(found.cell, place.shard)
    slots[found.slot].state = .quarantined
    return found.slot
  }

  /// Writer: the slot that holds the block, or nil.
  func slot(handle: UInt32, block: UInt32) -> UInt32? {
    let place = place(handle, block)
    locks.lock(place.shard)
    defer { locks.unlock(place.shard) }
    return find(handle, block, place)?.slot
  }

  /// Writer: which block the slot holds, or held last.
  func key(of slot: UInt32) -> (handle: UInt32, block: UInt32) {
    (slots[slot].handle, slots[slot].block)
  }

  /// Writer: the checksum of the slot's block.
  func checksum(of slot: UInt32) -> UInt64 {
    let (handle, block) = key(of: slot)
    let shard = place(handle, block).shard
    locks.lock(shard)
    defer { locks.unlock(shard) }
    return slots[slot].checksum
  }

  /// Writer: the slot's state, pins and last use at this moment.
  func status(of slot: UInt32) -> (state: Slot.State, pins: Int, lastUse: UInt32) {
    let (handle, block) = key(of: slot)
    let shard = place(handle, block).shard
    locks.lock(shard)
    defer { locks.unlock(shard) }
    let slot = slots[slot]
    return (slot.state, Int(slot.pins), slot.lastUse)
  }

  /// Writer: sets the state of a slot that is not in the table.
  func setState(_ state: Slot.State, of slot: UInt32) {
    let (handle, block) = key(of: slot)
    let shard = place(handle, block).shard
    locks.lock(shard)
    defer { locks.unlock(shard) }
    slots[slot].state = state
  }

  /// Writer: sets the last use of a slot, as remembered from before.
  func setLastUse(_ seconds: UInt32, of slot: UInt32) {
    let (handle, block) = key(of: slot)
    let shard = place(handle, block).shard
    locks.lock(shard)
    defer { locks.unlock(shard) }
    slots[slot].lastUse = seconds
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
        slots[slot].isQueued = false
        if slots[slot].state == .live { used.append(slot) }
      }
      unsafe shards[shard].queuedCount = 0
      locks.unlock(shard)
      for slot in used { body(slot) }
    }
  }

  /// Writer: the slot's neighbour towards the hot end of its list, with the list's mark on top.
  func previous(of slot: UInt32) -> UInt32 { slots[links: slot].previous }

  /// Writer: the slot's neighbour towards the cold end of its list.
  func next(of slot: UInt32) -> UInt32 { slots[links: slot].next }

  /// Writer: see ``previous(of:)``.
  func setPrevious(_ previous: UInt32, of slot: UInt32) { slots[links: slot].previous = previous }

  /// Writer: see ``next(of:)``.
  func setNext(_ next: UInt32, of slot: UInt32) { slots[links: slot].next = next }
}
