internal import LMDB
internal import Linux
internal import Synchronization

/// Builds what RAM knows from what the index says, before the writer thread starts.
///
/// O(slots), without reading a byte of data. A record is believed when it is whole, names a current
/// object in its epoch and a block of that object; of two slots for one block, the later written.
/// The records that are not believed are cleared before their slots are used: a slot that is being
/// written must never be named by the index.
struct Recovery {
  let core: StoreCore
  let index: BlockIndex
  let header: StoreHeader

  struct Outcome {
    var numbers: BlockIndex.Counters
    var free: FreeSlots
    var recency: RecencyList
    var blockCount: Int
    var droppedRecordCount: Int
  }

  /// A record that counts, unless another slot has the block.
  private struct Believed {
    let slot: UInt32
    let record: SlotRecord
    let owner: Incarnation
  }

  /// Enough to keep the memory busy, few enough to stay in the nearest cache.
  private static let groupCount = 64

  /// `hints` say in which order the blocks were used.
  func run(hints: RecencyFile?) throws(LMDBError) -> Outcome {
    let slotCount = core.geometry.slotCount
    var numbers = try index.counters()
    var dropped = BlockIndex.Changes()
    let incarnations = try loadObjects(&numbers, &dropped)
    var sequences = [UInt64](repeating: 0, count: slotCount)
    // The table is accessed at random: a group of records has its cells fetched at the same time.
    var group: [Believed] = []
    group.reserveCapacity(Self.groupCount)
    try index.scanSlots { slot, record in
      if let record, record.flags.contains(.free) { return }
      guard slot < slotCount, let record, let owner = owner(of: record, in: incarnations) else {
        dropped.slots.append((slot, nil))
        return
      }
      numbers.lastSequence = max(numbers.lastSequence, record.sequence)
      core.table.prefetch(handle: owner.handle, block: record.block)
      group.append(Believed(slot: slot, record: record, owner: owner))
      if group.count == Self.groupCount { publish(&group, &sequences, &dropped) }
    }
    publish(&group, &sequences, &dropped)
    try clear(dropped, numbers)
    var free = FreeSlots(slotCount: slotCount)
    for slot in 0..<UInt32(slotCount) where sequences[Int(slot)] == 0 {
      core.table.setState(.free, of: slot)
      free.insert(slot)
    }
    return Outcome(
      numbers: numbers, free: free, recency: order(sequences, hints),
      blockCount: slotCount - free.count, droppedRecordCount: dropped.slots.count)
  }

  /// Puts a group of blocks into the table and empties it.
  ///
  /// Of two slots for one block, the later written stays there.
  private func publish(
    _ group: inout [Believed], _ sequences: inout [UInt64], _ dropped: inout BlockIndex.Changes
  ) {
    for believed in group {
      let (slot, record, owner) = (believed.slot, believed.record, believed.owner)
      let publication = core.table.publish(
        slot, handle: owner.handle, block: record.block, checksum: record.checksum,
        lastUse: owner.lastUse.load(ordering: .relaxed))
      switch publication {
      case .added:
        sequences[Int(slot)] = record.sequence
        owner.slotCount.wrappingAdd(1, ordering: .relaxed)
      case .replaced(let old) where sequences[Int(old)] >= record.sequence:
        let restored = core.table.publish(
          old, handle: owner.handle, block: record.block, checksum: core.table.checksum(of: old),
          lastUse: owner.lastUse.load(ordering: .relaxed))
        precondition(restored == .replaced(slot), "a block changed its slot while it was restored")
        dropped.slots.append((slot, nil))
      case .replaced(let old):
        sequences[Int(slot)] = record.sequence
        sequences[Int(old)] = 0
        dropped.slots.append((old, nil))
      case .refused:
        dropped.slots.append((slot, nil))
      }
    }
    group.removeAll(keepingCapacity: true)
  }

  private func loadObjects(
    _ numbers: inout BlockIndex.Counters, _ dropped: inout BlockIndex.Changes
  ) throws(LMDBError) -> [UInt64: Incarnation] {
    var incarnations: [UInt64: Incarnation] = [:]
    var damaged: [UInt64] = []
    var lastID = numbers.lastObjectID
    var volumes: Set<UInt32> = [ObjectName.defaultVolume]
    // A volume's identity is lower than those of its objects: they come after it.
    try index.scanObjects { id, record in
      lastID = max(lastID, id)
      if let record, record.isVolume, let volume = VolumeEntry(id: id, record: record),
        core.objects.volume(key: volume.key) == nil
      {
        volumes.insert(volume.id)
        core.objects.insert(volume)
        return
      }
      // A dirty object was being changed when its owner died; one without a volume was dropped
      // with it.
      guard let record, !record.isVolume, !record.isDirty, volumes.contains(record.name.volume),
        core.objects.current(record.name) == nil
      else {
        damaged.append(id)
        return
      }
      incarnations[id] = core.objects.insert(objectID: id, record: record)
    }
    try index.scanPins { id, blocks in incarnations[id]?.pins = blocks }
    numbers.lastObjectID = lastID
    dropped.objects = damaged.map { ($0, nil) }
    // Left by an owner that did not know of fingerprints when it dropped the object or its blocks.
    for (id, epoch) in try index.fingerprintOwners() where incarnations[id]?.epoch != epoch {
      dropped.forgotten.append((id, .max))
    }
    return incarnations
  }

  private func owner(
    of record: SlotRecord, in incarnations: [UInt64: Incarnation]
  ) -> Incarnation? {
    guard record.flags.isEmpty, record.sequence > 0, record.start == 0,
      let owner = incarnations[record.object], owner.epoch == record.epoch,
      core.geometry.validByteCount(ofBlock: record.block, in: owner.byteCount)
        == record.validByteCount
    else { return nil }
    return owner
  }

  private func clear(
    _ dropped: BlockIndex.Changes, _ numbers: BlockIndex.Counters
  ) throws(LMDBError) {
    var first = 0
    let slots = dropped.slots.sorted { $0.slot < $1.slot }
    if !dropped.objects.isEmpty || !dropped.forgotten.isEmpty {
      var changes = BlockIndex.Changes()
      changes.objects = dropped.objects
      changes.forgotten = dropped.forgotten
      try index.commit(changes, counters: numbers)
    }
    while first < slots.count {
      let end = min(slots.count, first + CommitWriter.victimCountMax)
      var changes = BlockIndex.Changes()
      changes.slots = Array(slots[first..<end])
      try index.commit(changes, counters: numbers)
      first = end
    }
  }

  /// The live slots as the hints have them; what the hints do not know is ordered by age, what came
  /// before them as colder, what came since as hotter.
  ///
  /// A slot that was written since holds another block than the one that the hint is about.
  private func order(_ sequences: [UInt64], _ hints: RecencyFile?) -> RecencyList {
    var recency = RecencyList(table: core.table, slotCount: sequences.count)
    let lastSequence = hints?.lastSequence ?? UInt64.max
    var isHinted = [Bool](repeating: false, count: sequences.count)
    var usable: [RecencyFile.Entry] = []
    usable.reserveCapacity(hints?.entries.count ?? 0)
    for entry in hints?.entries ?? [] {
      let slot = Int(entry.slot)
      guard slot < sequences.count, sequences[slot] > 0, sequences[slot] <= lastSequence,
        !isHinted[slot]
      else { continue }
      isHinted[slot] = true
      usable.append(entry)
    }
    // Asking for each slot is slow, and few caches have pins.
    let hasPins = core.objects.all().contains { !$0.pins.isEmpty }
    func insert(_ slot: UInt32, in segment: RecencyList.Segment) {
      recency.insert(slot, in: hasPins && core.isPinned(slot) ? .pinned : segment)
    }
    func insert(_ slots: [UInt32]) {
      for slot in slots { insert(slot, in: .probation) }
    }
    insert(slots(by: sequences) { !isHinted[$0] && sequences[$0] <= lastSequence })
    for (position, entry) in usable.enumerated() {
      let ahead = position + Self.groupCount
      if ahead < usable.count { core.table.prefetch(usable[ahead].slot) }
      insert(entry.slot, in: entry.isProtected ? .protected : .probation)
      core.table.setLastUse(entry.lastUse, of: entry.slot)
    }
    insert(slots(by: sequences) { sequences[$0] > lastSequence })
    return recency
  }

  /// The live slots that `isWanted`, by sequence number.
  ///
  /// Sequence and slot share a word: sorting indices by what they refer to takes four times as
  /// long. Only the lower 36 bits of a sequence number count, for this is no more than a hint.
  private func slots(by sequences: [UInt64], where isWanted: (Int) -> Bool) -> [UInt32] {
    let slotMask = UInt64(StoreConfiguration.slotCountMax - 1)
    let slotBits = UInt64(slotMask.nonzeroBitCount)
    var keys: [UInt64] = []
    for slot in sequences.indices where sequences[slot] > 0 && isWanted(slot) {
      keys.append(sequences[slot] << slotBits | UInt64(slot))
    }
    keys.sort()
    return keys.map { UInt32($0 & slotMask) }
  }
}
