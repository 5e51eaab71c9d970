internal import Bytes
internal import LMDB
internal import Linux
internal import Synchronization

/// Re-reads what the cache holds, and compares the index with RAM.
struct Verifier {
  let core: StoreCore

  /// Reads every block back, on the calling thread; fills and reads go on meanwhile.
  ///
  /// A block that fails leaves the table as if a reader had found it.
  func checkBlocks(_ blocks: [(incarnation: Incarnation, block: UInt32)]) -> VerifyReport {
    var report = VerifyReport()
    var buffer = AlignedBuffer(byteCount: core.geometry.blockByteCount)
    for (incarnation, block) in blocks {
      guard !core.isWithdrawn.load(ordering: .relaxed) else { return report }
      guard let pin = core.table.pin(handle: incarnation.handle, block: block, now: nil) else {
        continue
      }
      let byteCount =
        core.geometry.validByteCount(ofBlock: block, in: incarnation.byteCount) ?? 0
      var bytes = buffer.mutableBytes
      let isRight = core.readSlot(
        pin, incarnation: incarnation, block: block, validByteCount: byteCount, into: &bytes)
      core.release(pin, keeping: isRight)
      report.checkedBlockCount += 1
      if !isRight { report.failedBlockCount += 1 }
    }
    return report
  }
}

extension CommitWriter {
  /// What there is to verify: the live blocks, their objects bound so that handles keep their
  /// meaning.
  ///
  /// The caller unbinds them.
  func blocksToVerify() -> [(incarnation: Incarnation, block: UInt32)] {
    let incarnations = core.objects.allByHandle()
    var blocks: [(incarnation: Incarnation, block: UInt32)] = []
    blocks.reserveCapacity(recency.count)
    for slot in 0..<UInt32(core.geometry.slotCount) {
      guard core.table.status(of: slot).state == .live else { continue }
      let key = core.table.key(of: slot)
      guard let incarnation = incarnations[Int(key.handle)],
        incarnation.isCurrent.load(ordering: .relaxed)
      else { continue }
      core.objects.bind(incarnation)
      blocks.append((incarnation, key.block))
    }
    return blocks
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
