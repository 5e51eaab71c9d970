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
    guard let cell = find(handle, block, place) else { return nil }
    let slot = unsafe cells[cell]
    guard unsafe slots[Int(slot)].pins < UInt8.max else { return nil }
    unsafe slots[Int(slot)].pins += 1
    if let now { noteUse(of: slot, shard: place.shard, now: now) }
    return Pin(
      slot: slot, checksum: unsafe slots[Int(slot)].checksum, shard: place.shard,
      handle: handle, block: block)
  }

  /// Lets go of a slot; with `keeping` false it leaves the table, for its bytes are not right.
  ///
  /// True when this call took it out of the table: the caller reports it to the writer.
  func unpin(_ pin: Pin, keeping: Bool) -> Bool {
    locks.lock(pin.shard)
    defer { locks.unlock(pin.shard) }
    let index = Int(pin.slot)
    unsafe slots[index].pins -= 1
    guard !keeping, unsafe slots[index].state == .live else { return false }
    let place = place(pin.handle, pin.block)
    guard let cell = find(pin.handle, pin.block, place), unsafe cells[cell] == pin.slot else {
      return false
    }
    removeCell(cell, place.shard)
    unsafe slots[index].state = .quarantined
    return true
  }

  /// Counts a use of the block, if it is here.
  func touch(handle: UInt32, block: UInt32, now: UInt32) {
    let place = place(handle, block)
    locks.lock(place.shard)
    defer { locks.unlock(place.shard) }
    guard let cell = find(handle, block, place) else { return }
    noteUse(of: unsafe cells[cell], shard: place.shard, now: now)
  }

  /// Queues the use for the recency list, unless one of the same 1/64 of a turnover has been: a hit
  /// costs the list nothing, and order that stale costs the cache nothing.
  private func noteUse(of slot: UInt32, shard: Int, now: UInt32) {
    let index = Int(slot)
    let time = clock.load(ordering: .relaxed)
    let stamp = UInt16(truncatingIfNeeded: time >> clockShift)  // wraps by design
    guard unsafe slots[index].stamp != stamp, unsafe !slots[index].isQueued else { return }
    let count = unsafe shards[shard].queuedCount
    guard count < Self.queueLength else {
      isQueueFull.store(true, ordering: .relaxed)
      return
    }
    unsafe queues[shard * Self.queueLength + count] = slot
    unsafe shards[shard].queuedCount = count + 1
    unsafe slots[index].isQueued = true
    unsafe slots[index].stamp = stamp
    unsafe slots[index].lastUse = now
    clock.wrappingAdd(1, ordering: .relaxed)
  }
}
