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

  /// `hints` are from the last closing, coldest first.
  func run(hints: [RecencyFile.Entry]) throws(LMDBError) -> Outcome {
    let slotCount = core.geometry.slotCount
    var numbers = try index.counters()
    var dropped = BlockIndex.Changes()
    let incarnations = try loadObjects(&numbers, &dropped)
    var sequences = [UInt64](repeating: 0, count: slotCount)
    try index.scanSlots { slot, record in
      if let record, record.flags.contains(.free) { return }
      guard slot < slotCount, let record, let owner = owner(of: record, in: incarnations) else {
        dropped.slots.append((slot, nil))
        return
      }
      numbers.lastSequence = max(numbers.lastSequence, record.sequence)
      let existing = core.table.slot(handle: owner.handle, block: record.block)
      if let existing, sequences[Int(existing)] >= record.sequence {
        dropped.slots.append((slot, nil))
        return
      }
      let publication = core.table.publish(
        slot, handle: owner.handle, block: record.block, checksum: record.checksum,
        lastUse: owner.lastUse.load(ordering: .relaxed))
      switch publication {
      case .added:
        sequences[Int(slot)] = record.sequence
        owner.slotCount.wrappingAdd(1, ordering: .relaxed)
      case .replaced(let old):
        sequences[Int(slot)] = record.sequence
        sequences[Int(old)] = 0
        dropped.slots.append((old, nil))
      case .refused:
        dropped.slots.append((slot, nil))
      }
    }
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

  private func loadObjects(
    _ numbers: inout BlockIndex.Counters, _ dropped: inout BlockIndex.Changes
  ) throws(LMDBError) -> [UInt64: Incarnation] {
    var incarnations: [UInt64: Incarnation] = [:]
    var damaged: [UInt64] = []
    var lastID = numbers.lastObjectID
    try index.scanObjects { id, record in
      lastID = max(lastID, id)
      guard let record, core.objects.current(key: record.key) == nil else {
        damaged.append(id)
        return
      }
      incarnations[id] = core.objects.insert(objectID: id, record: record)
    }
    try index.scanPins { id, blocks in incarnations[id]?.pins = blocks }
    numbers.lastObjectID = lastID
    dropped.objects = damaged.map { ($0, nil) }
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
    if !dropped.objects.isEmpty {
      var changes = BlockIndex.Changes()
      changes.objects = dropped.objects
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

  /// The live slots as the hints have them, and what they do not know, by age, as colder.
  private func order(_ sequences: [UInt64], _ hints: [RecencyFile.Entry]) -> RecencyList {
    var recency = RecencyList(table: core.table, slotCount: sequences.count)
    var isHinted = [Bool](repeating: false, count: sequences.count)
    var usable: [RecencyFile.Entry] = []
    for entry in hints {
      let slot = Int(entry.slot)
      guard slot < sequences.count, sequences[slot] > 0, !isHinted[slot] else { continue }
      isHinted[slot] = true
      usable.append(entry)
    }
    let unknown = (0..<sequences.count).filter { sequences[$0] > 0 && !isHinted[$0] }
    for slot in unknown.sorted(by: { sequences[$0] < sequences[$1] }) {
      recency.insert(UInt32(slot), in: core.isPinned(UInt32(slot)) ? .pinned : .probation)
    }
    for entry in usable {
      let segment: RecencyList.Segment = entry.isProtected ? .protected : .probation
      recency.insert(entry.slot, in: core.isPinned(entry.slot) ? .pinned : segment)
      core.table.setLastUse(entry.lastUse, of: entry.slot)
    }
    return recency
  }
}
