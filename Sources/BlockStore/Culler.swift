internal import Synchronization

#if CULLET_MUTANTS
internal import LMDB
#endif

/// Making room: which slots are given up, and in what order they leave.
extension CommitWriter {
  /// One index transaction clears this many slots at most: 26 ms when they lie far apart.
  static let victimCountMax = 1024
  /// So many victims are chosen at a time, to be cleared in the order of their slots.
  ///
  /// The coldest blocks lie anywhere: in the order of use, a transaction would copy a page of the
  /// index for every record that it clears.
  private static let plannedCountMax = 64 * victimCountMax

  /// Makes room for a batch, and up to the water mark when it is short.
  func makeRoom(for count: Int) {
    let needed = count + marks.stop
    if free.count < needed { cull(untilFree: max(needed, marks.run)) }
  }

  /// Gives up the coldest blocks until `target` slots are free, or every block has been considered.
  func cull(untilFree target: Int) {
    noteUses()
    var consideredCount = 0
    let consideredCountMax = recency.count
    while free.count < target, consideredCount < consideredCountMax, index != nil {
      let wanted = min(Self.plannedCountMax, target - free.count)
      var victims: [UInt32] = []
      recency.walkColdestFirst { slot in
        victims.append(slot)
        return victims.count < wanted
      }
      // All that is left is pinned.
      guard !victims.isEmpty else { return }
      consideredCount += victims.count
      victims.sort()
      for first in stride(from: 0, to: victims.count, by: Self.victimCountMax) where index != nil {
        let end = min(victims.count, first + Self.victimCountMax)
        core.counters.culledBlocks.count(
          evict(Array(victims[first..<end]), remembering: true))
      }
    }
  }

  /// Frees those of `victims` that no reader holds; returns how many.
  ///
  /// At most ``victimCountMax``.
  ///
  /// They leave the table first, then the index, and are free when that is durable. With
  /// `remembering`, a block that was used once is known when it comes again.
  func evict(_ victims: [UInt32], remembering: Bool = false) -> Int {
    var taken: [UInt32] = []
    for slot in victims {
      if core.table.withdraw(slot) { taken.append(slot) } else { recency.rotate(slot) }
    }
    guard !taken.isEmpty else { return 0 }
    #if CULLET_MUTANTS
    if Mutant.active == .earlyRecycle {
      mutantClears.formUnion(taken)
      for slot in taken {
        forget(slot)
        makeFree(slot)
      }
      return taken.count
    }
    #endif
    var changes = BlockIndex.Changes()
    changes.slots = taken.map { ($0, nil) }
    if commit(changes) != nil {
      if index != nil { restore(taken) }
      return 0
    }
    for slot in taken {
      if remembering, recency.segment(of: slot) == .probation {
        let (handle, block) = core.table.key(of: slot)
        ghosts.add(handle: handle, block: block)
      }
      forget(slot)
      makeFree(slot)
    }
    return taken.count
  }

  /// Puts slots back into the table that could not be cleared in the index.
  func restore(_ slots: [UInt32]) {
    for slot in slots {
      let (handle, block) = core.table.key(of: slot)
      let publication = core.table.publish(
        slot, handle: handle, block: block, checksum: core.table.checksum(of: slot),
        lastUse: core.table.status(of: slot).lastUse)
      precondition(publication == .added, "a slot's place in the table was taken meanwhile")
    }
  }

  /// Frees the slots of retired incarnations.
  func reapDeadSlots() {
    let dead = core.objects.allByHandle().map { incarnation in
      incarnation.map { !$0.isCurrent.load(ordering: .relaxed) } ?? false
    }
    var victims: [UInt32] = []
    for slot in 0..<UInt32(core.geometry.slotCount) {
      let handle = Int(core.table.key(of: slot).handle)
      guard handle < dead.count, dead[handle] else { continue }
      guard core.table.status(of: slot).state == .live else { continue }
      victims.append(slot)
      if victims.count == Self.victimCountMax {
        _ = evict(victims)
        victims.removeAll(keepingCapacity: true)
        if index == nil { return }
      }
    }
    _ = evict(victims)
  }
}

// Culling on demand.
extension CommitWriter {
  /// A block that a request would free.
  struct Victim {
    let slot: UInt32
    let handle: UInt32
    let block: UInt32
  }

  /// The coldest blocks that `request` would free, in the order of their slots, which makes freeing
  /// them cheap.
  ///
  /// A pass over the list.
  func plan(_ request: CullRequest) -> [Victim] {
    noteUses()
    var wanted = wantedCount(for: request)
    var handle: UInt32?
    if let key = request.key {
      let name = ObjectName(key: key, volume: ObjectName.defaultVolume)
      guard let incarnation = core.objects.current(name) else { return [] }
      handle = incarnation.handle
    }
    let now = StoreCore.now
    var victims: [Victim] = []
    recency.walkColdestFirst { slot in
      guard wanted > 0 else { return false }
      let key = core.table.key(of: slot)
      if let handle, key.handle != handle { return true }
      let status = core.table.status(of: slot)
      guard status.state == .live, status.pins == 0 else { return true }
      if let age = request.olderThanSeconds, UInt64(now - min(now, status.lastUse)) < age {
        return true
      }
      victims.append(Victim(slot: slot, handle: key.handle, block: key.block))
      wanted -= 1
      return true
    }
    victims.sort { $0.slot < $1.slot }
    return victims
  }

  private func wantedCount(for request: CullRequest) -> Int {
    let slotCount = core.geometry.slotCount
    var wanted: Int?
    if let percent = request.targetFreePercent {
      let target = (slotCount * min(100, max(0, percent)) + 99) / 100
      wanted = max(0, target - free.count)
    }
    if let byteCount = request.byteCount {
      let blocks = byteCount / UInt64(core.geometry.blockByteCount)
      let rest: UInt64 = byteCount % UInt64(core.geometry.blockByteCount) == 0 ? 0 : 1
      wanted = max(wanted ?? 0, Int(clamping: blocks + rest))
    }
    if let wanted { return min(wanted, slotCount) }
    // A filter alone means all that it lets through; nothing at all, up to the water mark.
    if request.key != nil || request.olderThanSeconds != nil { return slotCount }
    return max(0, marks.run - free.count)
  }

  /// Frees those of `victims` that are still what they were; returns how many.
  func cull(_ victims: ArraySlice<Victim>) -> Int {
    let slots = victims.filter { victim in
      core.table.slot(handle: victim.handle, block: victim.block) == victim.slot
    }.map(\.slot)
    let freedCount = evict(slots)
    core.counters.culledBlocks.count(freedCount)
    return freedCount
  }
}
