internal import Bytes
internal import LMDB
internal import Linux
internal import Synchronization

/// A block and the object that it belongs to.
struct LiveBlock: Sendable {
  let incarnation: Incarnation
  let block: UInt32
}

extension StoreCore {
  /// Reads a block back, whether it is right; nil when it is not cached any more.
  ///
  /// On the calling thread; fills and reads go on meanwhile. A block that fails leaves the table as
  /// if a reader had found it. `buffer` has room for a block.
  func check(_ live: LiveBlock, using buffer: inout AlignedBuffer) -> Bool? {
    // In this order: the size changes only when no block is in the table that it concerns.
    guard !isWithdrawn.load(ordering: .relaxed),
      let byteCount = geometry.validByteCount(
        ofBlock: live.block, in: live.incarnation.byteCount),
      let pin = table.pin(handle: live.incarnation.handle, block: live.block, now: nil)
    else { return nil }
    // The handle may mean another object by now; held, the slot keeps it from changing again.
    guard objects.incarnation(handle: pin.handle) === live.incarnation else {
      release(pin, keeping: true)
      return nil
    }
    var bytes = buffer.mutableBytes
    let isRight = readSlot(
      pin, incarnation: live.incarnation, block: live.block, validByteCount: byteCount,
      into: &bytes)
    release(pin, keeping: isRight)
    return isRight
  }
}

extension CommitWriter {
  /// Blocks that are handed out at a time to be read back.
  private static let liveCountMax = 64
  /// Slots that are looked at for them.
  private static let visitedCountMax: UInt32 = 16_384

  /// The first blocks that lie in `slots`, in the order of the slots, and where to look for the
  /// next ones.
  func liveBlocks(in slots: Range<UInt32>) -> (blocks: [LiveBlock], next: UInt32) {
    var blocks: [LiveBlock] = []
    var slot = slots.lowerBound
    let end = slot + min(UInt32(slots.count), Self.visitedCountMax)
    while slot < end, blocks.count < Self.liveCountMax {
      if let block = liveBlock(in: slot) { blocks.append(block) }
      slot += 1
    }
    return (blocks, slot)
  }

  private func liveBlock(in slot: UInt32) -> LiveBlock? {
    guard slot < core.geometry.slotCount, core.table.status(of: slot).state == .live else {
      return nil
    }
    let key = core.table.key(of: slot)
    guard let incarnation = core.objects.incarnation(handle: key.handle),
      incarnation.isCurrent.load(ordering: .relaxed)
    else { return nil }
    return LiveBlock(incarnation: incarnation, block: key.block)
  }

  /// Compares the index with RAM, both ways, at a moment when nothing is being written.
  func checkIndex(repair: Bool) -> VerifyReport {
    maintain()
    var report = VerifyReport()
    guard let index else { return report }
    let incarnations = core.objects.allByHandle()
    var isConfirmed = [Bool](repeating: false, count: core.geometry.slotCount)
    var orphans = BlockIndex.Changes()
    do throws(LMDBError) {
      try index.scanSlots { slot, record in
        if let record, record.flags.contains(.free) { return }
        guard let record, slot < isConfirmed.count, matches(record, slot, incarnations) else {
          orphans.slots.append((slot, nil))
          report.indexFaults.append(
            record == nil
              ? "slot \(slot): the record is damaged"
              : "slot \(slot): the record names a block that is not there")
          return
        }
        isConfirmed[Int(slot)] = true
      }
    } catch {
      report.indexFaults.append("the slot table cannot be read: \(error)")
      return report
    }
    var unknown: [UInt32] = []
    recency.walkAll { slot in
      if !isConfirmed[Int(slot)] { unknown.append(slot) }
    }
    for slot in unknown {
      report.indexFaults.append("slot \(slot): the index does not know its block")
    }
    do throws(LMDBError) {
      for (key, fault) in try faultyFingerprints(in: index) {
        orphans.fingerprints.append((key, nil))
        report.indexFaults.append(fault)
      }
    } catch {
      report.indexFaults.append("the fingerprints cannot be read: \(error)")
    }
    if repair { report.repairedCount = mend(orphans, unknown) }
    return report
  }

  /// Clears what the index should not say, and frees what it should but does not.
  private func mend(_ orphans: BlockIndex.Changes, _ unknown: [UInt32]) -> Int {
    // A damaged record of a live block is in both lists: the block goes, and with it the record.
    let known = Set(unknown)
    var first = 0
    let slots = orphans.slots.filter { !known.contains($0.slot) }
    var mendedCount = 0
    while first < slots.count {
      var changes = BlockIndex.Changes()
      changes.slots = Array(slots[first..<min(slots.count, first + Self.victimCountMax)])
      guard commit(changes) == nil else { return mendedCount }
      first += changes.slots.count
      mendedCount += changes.slots.count
    }
    first = 0
    while first < orphans.fingerprints.count {
      let end = min(orphans.fingerprints.count, first + Self.victimCountMax)
      var changes = BlockIndex.Changes()
      changes.fingerprints = Array(orphans.fingerprints[first..<end])
      guard commit(changes) == nil else { return mendedCount }
      mendedCount += end - first
      first = end
    }
    first = 0
    while first < unknown.count {
      let end = min(unknown.count, first + Self.victimCountMax)
      mendedCount += evict(Array(unknown[first..<end]))
      first = end
    }
    return mendedCount + forgiveBadSlots()
  }

  private func matches(
    _ record: SlotRecord, _ slot: UInt32, _ incarnations: [Incarnation?]
  ) -> Bool {
    // Out of the table but cleared in a moment: a reader found it bad since the last look.
    let state = core.table.status(of: slot).state
    guard state == .live || state == .quarantined else { return false }
    let key = core.table.key(of: slot)
    guard let owner = incarnations[Int(key.handle)] else { return false }
    return record.object == owner.objectID && record.epoch == owner.epoch
      && record.block == key.block && record.checksum == core.table.checksum(of: slot)
  }
}
