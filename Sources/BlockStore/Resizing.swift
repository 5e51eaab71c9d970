internal import LMDB
internal import Linux
internal import Synchronization

/// Growing and shrinking the cache while it is in use, on the writer thread.
///
/// The superblock says how many slots there are. To grow, everything that more slots need is made
/// first and the superblock is written last; to shrink, the slots beyond the new end are emptied
/// first, on disk as well, then the superblock is written, and only then is the file cut. So a
/// crash at any point leaves a cache of the old size or of the new one, and nothing outside of it.
extension CommitWriter {
  /// Records that one transaction removes: a few milliseconds.
  private static let removalCountMax: UInt32 = 4096

  /// Begins to grow: takes the space that the cache was made to take; says why when it cannot.
  ///
  /// Returns where zeros are to be written now, by ``writeZeros(at:byteCount:)``, none mostly.
  func beginGrowing(to geometry: Geometry) throws(StoreError) -> Range<UInt64> {
    let old = header.geometry
    try core.file.checkRoom(
      for: geometry, header.preallocation,
      indexByteCount: UInt64(
        geometry.indexByteCount - min(geometry.indexByteCount, old.indexByteCount)))
    do throws(SystemError) {
      try core.file.grow(from: old.dataFileByteCount, to: geometry, header.preallocation)
    } catch {
      throw StoreError(error, path: core.file.path)
    }
    let end = geometry.dataFileByteCount
    return (header.preallocation == .write ? old.dataFileByteCount : end)..<end
  }

  /// Writes zeros to a part of the file that is to become slots; says why when it cannot.
  func writeZeros(at offset: UInt64, byteCount: UInt64) -> StoreError? {
    do throws(SystemError) {
      try core.file.writeZeros(at: offset, byteCount: byteCount)
      return nil
    } catch {
      return StoreError(error, path: core.file.path)
    }
  }

  /// Adds slots, for which there is space; says why when it cannot, with the old size still in
  /// force.
  func finishGrowing(to geometry: Geometry) -> StoreError? {
    guard let index else { return withdrawnError() }
    guard core.table.resize(to: geometry.slotCount) else {
      return StoreError(
        .noSpace, path: core.directory,
        message: "\(core.directory): no memory for a cache of \(geometry.slotCount) blocks")
    }
    do throws(SystemError) {
      try core.file.sync()
      try index.grow(to: geometry, in: core.indexPath)
      try adopt(geometry)
    } catch {
      return StoreError(error, path: core.file.path)
    }
    return nil
  }

  /// Gives up growing: what was added to the file goes again.
  func abandonGrowing() {
    // What is left of the file is waste, no error.
    _ = try? core.file.cut(to: header.geometry)
  }

  /// Begins to shrink: no slot from `slotCount` on is handed out any more.
  ///
  /// Says why when it cannot.
  func beginShrinking(to slotCount: Int) -> StoreError? {
    guard index != nil else { return withdrawnError() }
    let pinnedCount = pinnedTotal()
    guard pinnedCount <= Self.pinnedCountMax(of: slotCount) else {
      return StoreError(
        .noSpace, path: core.directory,
        message: "\(pinnedCount) blocks are pinned in \(core.directory), and a cache of "
          + "\(slotCount) blocks keeps half of that: unpin some first")
    }
    slotCeiling = UInt32(slotCount)
    free.resize(to: slotCount)
    marks = SlotMarks(header.limits, slotCount: slotCount)
    return nil
  }

  /// Empties up to a batch of the slots that are to go, from `next` on, and moves `next`, round and
  /// round; true when a whole round has found them empty.
  ///
  /// A pinned block moves to another slot, and so does any other while that costs nobody his place.
  /// What a reader holds is left for the next round.
  ///
  /// An error says that pinned blocks cannot be moved, or that the store has given up.
  func emptySlots(from next: inout UInt32) -> (isEmpty: Bool, error: StoreError?) {
    let end = UInt32(core.geometry.slotCount)
    var victims: [UInt32] = []
    var moving: [UInt32] = []
    var isEmpty = next == slotCeiling
    var spare = max(0, free.count - marks.run)
    var slot = next
    while slot < end, victims.count + moving.count < core.queue.batchCountMax {
      let (state, pinCount, _) = core.table.status(of: slot)
      if state == .live || state == .quarantined || state == .filling { isEmpty = false }
      if state == .live, pinCount == 0 {
        if core.isPinned(slot) {
          moving.append(slot)
        } else if spare > 0 {
          spare -= 1
          moving.append(slot)
        } else {
          victims.append(slot)
        }
      }
      slot += 1
    }
    let error = relocate(moving)
    if error != nil { victims += moving.filter { !core.isPinned($0) } }
    // Making room for those that moved may have culled some of these already.
    victims.removeAll { core.table.status(of: $0).state != .live }
    core.counters.culledBlocks.count(evict(victims))
    next = slot == end ? slotCeiling : slot
    // Nothing would ever be emptied.
    guard index != nil else { return (false, withdrawnError()) }
    let staysPut = moving.contains { slot in
      core.isPinned(slot) && core.table.status(of: slot).state == .live
    }
    return (isEmpty && slot == end, staysPut ? error ?? crowdedError() : nil)
  }

  /// Says that pinned blocks alone take all the room that there will be; nil while they do not.
  ///
  /// Pins were counted before, but slots may be bad.
  private func crowdedError() -> StoreError? {
    guard free.count <= marks.stop, recency.pinnedCount == recency.count, lingering.isEmpty else {
      return nil
    }
    return StoreError(
      .noSpace, path: core.directory,
      message: "too many of the blocks that \(core.directory) would keep are bad: have them "
        + "repaired by 'cullet cache verify --repair', or unpin some images")
  }

  /// Takes the records of empty slots that are to go out of the index, the last ones first, some
  /// thousand before `end`, which it moves.
  ///
  /// They say "free" by now, so nothing is lost when the shrinking ends here.
  func removeRecords(before end: inout UInt32) -> StoreError? {
    guard let index else { return withdrawnError() }
    let first = end - min(end - slotCeiling, Self.removalCountMax)
    do throws(LMDBError) {
      try index.removeSlots(first..<end)
    } catch {
      giveUp()
      return StoreError(.io, path: core.directory, message: "\(core.directory)/index: \(error)")
    }
    end = first
    return nil
  }

  /// Ends a shrinking, when every slot beyond the new end is empty.
  func finishShrinking(to geometry: Geometry) -> StoreError? {
    guard index != nil else { return withdrawnError() }
    badSlots = badSlots.filter { $0 < geometry.slotCount }
    do throws(SystemError) {
      try adopt(geometry)
    } catch {
      return StoreError(error, path: core.file.path)
    }
    // What is left of the file is waste, no error.
    _ = try? core.file.cut(to: geometry)
    core.pageChecks.cut(to: geometry.slotCount)
    _ = core.table.resize(to: geometry.slotCount)
    return nil
  }

  /// Tells a device that slots beyond the end are not needed any more.
  func discard(_ slots: Range<UInt32>) {
    _ = try? core.file.discard(slots, of: core.geometry)  // waste at worst
  }

  /// Gives up shrinking: the slots that were to go are used again.
  func abandonShrinking() {
    adoptSlotCount(core.geometry.slotCount)
  }

  /// Makes `geometry` the cache's, durably, and then in RAM.
  private func adopt(_ geometry: Geometry) throws(SystemError) {
    do throws(SystemError) {
      try replaceHeader { $0.geometry = geometry }
    } catch {
      header.serial += 1
      // What failed may be on disk nevertheless. Before slots beyond its end are used again, the
      // old size must be there in a newer superblock.
      do throws(SystemError) {
        try core.file.write(header)
      } catch {
        giveUp()
      }
      throw error
    }
    core.setSlotCount(geometry.slotCount)
    adoptSlotCount(geometry.slotCount)
  }

  private func withdrawnError() -> StoreError {
    StoreError(
      .closed, path: core.directory,
      message: "the cache in \(core.directory) is out of use until reopened")
  }

  private func adoptSlotCount(_ slotCount: Int) {
    let firstNew = free.slotCount
    free.resize(to: slotCount)
    recency.resize(to: slotCount)
    marks = SlotMarks(header.limits, slotCount: slotCount)
    ghosts = GhostList(slotCount: slotCount)
    slotCeiling = UInt32(slotCount)
    guard firstNew < slotCount else { return }
    for slot in UInt32(firstNew)..<UInt32(slotCount)
    where core.table.status(of: slot).state == .free {
      free.insert(slot)
    }
  }

  /// Writes the blocks of `slots` to other slots, as fills would; says why when that fails.
  private func relocate(_ slots: [UInt32]) -> StoreError? {
    guard !slots.isEmpty else { return nil }
    makeRoom(for: slots.count)
    var blocks: [PendingBlock] = []
    for slot in slots.prefix(max(0, free.count - marks.stop)) {
      let (handle, block) = core.table.key(of: slot)
      guard let incarnation = core.objects.incarnation(handle: handle),
        incarnation.isCurrent.load(ordering: .relaxed),
        let copy = core.copy(ofBlock: block, in: incarnation)
      else { continue }
      blocks.append(copy)
    }
    return store(blocks)
  }
}
