internal import Linux
internal import Synchronization

/// Slots on their way back to ``FreeSlots``, or out of use.
extension CommitWriter {
  /// Returns a slot whose record is cleared, and which no reader can find or hold.
  func makeFree(_ slot: UInt32) {
    core.table.setState(.free, of: slot)
    // Beyond the ceiling the cache is shrinking: the slot is on its way out.
    if slot < slotCeiling { free.insert(slot) }
  }

  func makeBad(_ slot: UInt32) {
    core.table.setState(.bad, of: slot)
    badSlots.insert(slot)
  }

  /// Returns a slot whose record is cleared, as soon as its readers are done.
  func freeWhenUnheld(_ slot: UInt32) {
    if core.table.status(of: slot).pins == 0 {
      makeFree(slot)
    } else {
      lingering.append(slot)
    }
  }

  func freeLingeringSlots() {
    guard !lingering.isEmpty else { return }
    let candidates = lingering
    lingering.removeAll()
    for slot in candidates { freeWhenUnheld(slot) }
  }

  /// Clears the records of slots that readers took out of the table.
  func clearFailedSlots() {
    let failed = core.failedSlots.withLock { slots in
      defer { slots.removeAll() }
      return slots
    }
    guard !failed.isEmpty else { return }
    var changes = BlockIndex.Changes()
    changes.slots = failed.map { ($0, nil) }
    if commit(changes) != nil {
      // Nothing else keeps these blocks from coming back at the next opening.
      if index != nil { giveUp() }
      return
    }
    for slot in failed {
      forget(slot)
      makeBad(slot)
    }
  }

  /// Drops a slot that is out of the table from the list, and from its object's count.
  func forget(_ slot: UInt32) {
    recency.remove(slot)
    let owner = core.objects.incarnation(handle: core.table.key(of: slot).handle)
    owner?.slotCount.wrappingSubtract(1, ordering: .releasing)
  }

  /// Returns bad slots to use, for whoever has replaced the disk or restored the file.
  func forgiveBadSlots() -> Int {
    let unheld = badSlots.filter { core.table.status(of: $0).pins == 0 }
    badSlots.subtract(unheld)
    for slot in unheld { makeFree(slot) }
    return unheld.count
  }
}
