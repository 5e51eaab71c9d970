internal import Linux
internal import Synchronization

/// What readers call, on any thread.
extension SlotTable {
  func contains(handle: UInt32, block: UInt32) -> Bool {
    let place = place(handle, block)
    locks.lock(place.shard)
    defer { locks.unlock(place.shard) }
    return find(handle, block, place) != nil
  }

  /// Holds the slot of a block, if there is one, and counts the use at `now` (seconds since
  /// 1970; nil to count none).
  ///
  /// Nil, too, when 255 readers hold it already.
  func pin(handle: UInt32, block: UInt32, now: UInt32?) -> Pin? {
    let place = place(handle, block)
    locks.lock(place.shard)
    defer { locks.unlock(place.shard) }
    guard let slot = find(handle, block, place)?.slot, slots[slot].pins < UInt8.max else {
      return nil
    }
    slots[slot].pins += 1
    if let now { noteUse(of: slot, shard: place.shard, now: now) }
    return Pin(
      slot: slot, checksum: slots[slot].checksum, shard: place.shard, handle: handle,
      block: block)
  }

  /// Lets go of a slot; with `keeping` false it leaves the table, for its bytes are not right.
  ///
  /// True when this call took it out of the table: the caller reports it to the writer.
  func unpin(_ pin: Pin, keeping: Bool) -> Bool {
    locks.lock(pin.shard)
    defer { locks.unlock(pin.shard) }
    slots[pin.slot].pins -= 1
    guard !keeping, slots[pin.slot].state == .live else { return false }
    let place = place(pin.handle, pin.block)
    guard let found = find(pin.handle, pin.block, place), found.slot == pin.slot else {
      return false
    }
    removeCell(found.cell, place.shard)
    slots[pin.slot].state = .quarantined
    return true
  }

  /// Counts a use of the block, if it is here.
  func touch(handle: UInt32, block: UInt32, now: UInt32) {
    let place = place(handle, block)
    locks.lock(place.shard)
    defer { locks.unlock(place.shard) }
    guard let slot = find(handle, block, place)?.slot else { return }
    noteUse(of: slot, shard: place.shard, now: now)
  }

  /// Queues the use for the recency list, unless one of the same 1/64 of a turnover has been: a hit
  /// costs the list nothing, and order that stale costs the cache nothing.
  private func noteUse(of slot: UInt32, shard: Int, now: UInt32) {
    let stamp = stamp(at: clock.load(ordering: .relaxed))
    guard slots[slot].stamp != stamp, !slots[slot].isQueued else { return }
    let count = unsafe shards[shard].queuedCount
    guard count < Self.queueLength else {
      isQueueFull.store(true, ordering: .relaxed)
      return
    }
    unsafe queues[shard * Self.queueLength + count] = slot
    unsafe shards[shard].queuedCount = count + 1
    slots[slot].isQueued = true
    slots[slot].stamp = stamp
    slots[slot].lastUse = now
    clock.wrappingAdd(1, ordering: .relaxed)
  }

  /// The part of the use clock that a slot keeps.
  func stamp(at time: UInt32) -> UInt16 {
    UInt16(truncatingIfNeeded: time >> clockShift.load(ordering: .relaxed))  // wraps by design
  }
}
