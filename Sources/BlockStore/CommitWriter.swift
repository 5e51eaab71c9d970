internal import LMDB
internal import Linux
internal import Synchronization

/// The one thread that writes: batches of blocks, the index, and the recency list.
///
/// The order that makes a crash harmless, for every batch:
/// 1. Slots come from ``FreeSlots``: their old records are cleared on disk, and nobody reads them.
/// 2. The blocks are written, then made durable.
/// 3. One index transaction, durable when it returns, names them and clears what they replace.
/// 4. Readers find them.
/// 5. Slots that the transaction cleared become free, once no reader holds them.
///
/// So the index on disk only ever names slots whose bytes were durable before, and which nobody can
/// have written since. A block that is cached already gets a new slot; data is never changed in
/// place.
///
/// Everything here runs on the writer thread, or before it starts.
final class CommitWriter: @unchecked Sendable {
  let core: StoreCore
  /// Nil once the store is closed or has given up.
  private(set) var index: BlockIndex?
  var header: StoreHeader
  var numbers: BlockIndex.Counters
  var free: FreeSlots
  var recency: RecencyList
  var marks: SlotMarks
  var ghosts: GhostList
  /// New blocks since the cache was full.
  private var admittedCount: UInt64 = 0
  /// What the recency file has, or will in a moment; nil before the first saving.
  var savedRecency: RecencyState?
  /// Cleared on disk, but held by a reader when that happened.
  var lingering: [UInt32] = []
  var badSlots: Set<UInt32> = []
  /// Batches in a row that the disk failed to take, though there was room.
  private var failedBatchCount = 0
  /// Objects whose volume is gone, and whose records are still to be removed.
  var orphans: [UInt64] = []
  /// Slots from here on are not handed out: their number, or fewer while the cache shrinks.
  var slotCeiling: UInt32
  #if CULLET_MUTANTS
  /// Slots that were freed before their records were cleared.
  var mutantClears: Set<UInt32> = []
  #endif

  /// What tells one state of the recency list from another.
  struct RecencyState: Equatable {
    var changeCount: UInt64
    /// Of the superblock, which the file has to match.
    var serial: UInt64
  }

  /// A disk that fails so many batches in a row is not asked again.
  private static let failedBatchCountMax = 3

  init(
    core: StoreCore, index: BlockIndex, header: StoreHeader, numbers: BlockIndex.Counters,
    free: FreeSlots, recency: RecencyList
  ) {
    self.core = core
    self.index = index
    self.header = header
    self.numbers = numbers
    self.free = free
    self.recency = recency
    slotCeiling = UInt32(header.geometry.slotCount)
    marks = SlotMarks(header.limits, slotCount: header.geometry.slotCount)
    ghosts = GhostList(slotCount: header.geometry.slotCount)
  }

  /// The thread's body.
  func run() {
    maintain()
    while true {
      switch core.queue.next() {
      case .job(let job): job(self)
      case .batch: commitBatch()
      case .maintenance: break
      case .stop: return
      }
      maintain()
    }
  }

  /// What is due after any work: uses noted, failed and dead slots cleared, room made.
  func maintain() {
    guard index != nil else { return }
    noteUses()
    clearFailedSlots()
    freeLingeringSlots()
    removeOrphans()
    if core.objects.hasDeadSlots { reapDeadSlots() }
    core.objects.recycleHandles()
    if free.count < marks.cull { cull(untilFree: marks.run) }
    core.isRefusing.store(free.count <= marks.stop, ordering: .relaxed)
  }

  func noteUses() {
    core.table.drainUses { slot in recency.promote(slot) }
  }

  /// Makes `changes` durable.
  ///
  /// After `.mapFull` nothing has changed and the store goes on; after any other error it has given
  /// up.
  func commit(_ changes: BlockIndex.Changes) -> LMDBError? {
    guard let index else { return LMDBError(.fatal, call: "commit") }
    #if CULLET_MUTANTS
    var changes = changes
    let named = Set(changes.slots.map(\.slot))
    changes.slots += mutantClears.subtracting(named).map { ($0, nil) }
    mutantClears = []
    #endif
    do throws(LMDBError) {
      try index.commit(changes, counters: numbers)
      core.counters.commits.count()
      return nil
    } catch {
      switch error.code {
      case .mapFull, .transactionFull: core.pauseFills()
      default: giveUp()
      }
      return error
    }
  }

  /// Stops using the index, and sees to it that the next one to open the cache begins a new one.
  func giveUp() {
    core.withdraw()
    index = nil
    header.flags = .wipe
    header.serial += 1
    _ = try? core.file.write(header)  // best effort: an unclean superblock is there already
  }

  /// Lets the index go, so that it can be opened again.
  func closeIndex() {
    index = nil
  }
}

// Batches.
extension CommitWriter {
  /// Writes the blocks that wait, up to a batch of them; says why if they were dropped.
  @discardableResult
  func commitBatch() -> StoreError? {
    let batch = core.queue.takeBatch()
    defer { core.queue.finish(batch) }
    return store(latest(of: batch))
  }

  /// Writes `blocks`, as many as there is room for; says why if all of them were dropped.
  func store(_ wanted: [PendingBlock]) -> StoreError? {
    var blocks = wanted
    guard index != nil else {
      core.counters.droppedFills.count(blocks.count)
      return StoreError(
        .closed, path: core.directory, message: "the cache in \(core.directory) is closed")
    }
    makeRoom(for: blocks.count)
    let room = max(0, free.count - marks.stop)
    if room < blocks.count {
      core.counters.refusedFills.count(blocks.count - room)
      blocks.removeLast(blocks.count - room)
    }
    guard !blocks.isEmpty else { return nil }
    // Several threads fetch at once; what is read in order later ought to lie in order.
    blocks.sort { $0.place < $1.place }
    let slots = free.take(blocks.count)
    for slot in slots { core.table.setState(.filling, of: slot) }
    #if CULLET_MUTANTS
    if Mutant.active == .indexFirst {
      let error = record(blocks, in: slots)
      _ = try? write(blocks, to: slots)
      _ = try? core.file.syncData()
      return error
    }
    if Mutant.active == .noDataSync {
      _ = try? write(blocks, to: slots)
      return record(blocks, in: slots)
    }
    #endif
    do throws(SystemError) {
      try write(blocks, to: slots)
      core.counters.dataSyncs.count()
      try core.file.syncData()
      failedBatchCount = 0
    } catch {
      return drop(blocks, slots, because: error)
    }
    return record(blocks, in: slots)
  }

  /// The blocks of `batch` that are still wanted, each once.
  private func latest(of batch: [PendingBlock]) -> [PendingBlock] {
    var seen: Set<UInt64> = []
    var latest: [PendingBlock] = []
    for block in batch.reversed() {
      let incarnation = block.incarnation
      // After the object was resized, the block may end elsewhere.
      guard incarnation.isCurrent.load(ordering: .acquiring),
        core.geometry.validByteCount(ofBlock: block.block, in: incarnation.byteCount)
          == block.validByteCount
      else { continue }
      guard seen.insert(block.place).inserted else {
        block.isOvertaken.store(true, ordering: .relaxed)
        continue
      }
      latest.append(block)
    }
    return latest.reversed()
  }

  /// Writes each block to its slot, neighbours in one call.
  private func write(_ blocks: [PendingBlock], to slots: [UInt32]) throws(SystemError) {
    let buffers = blocks.map(\.buffer)
    var first = 0
    while first < slots.count {
      var end = first + 1
      while end < slots.count, slots[end] == slots[end - 1] + 1 { end += 1 }
      try core.file.write(buffers[first..<end], slot: slots[first], of: core.geometry)
      core.pageChecks.write(blocks[first..<end].lazy.map(\.pageChecks), slot: slots[first])
      first = end
    }
  }

  /// Gives a batch up whose data could not be written.
  ///
  /// A failed sync is never tried again: the kernel forgets which pages were dirty, and the next
  /// sync would lie. A disk that goes on failing costs slots with each batch, so fills end before
  /// many are lost; what is cached is still read.
  private func drop(
    _ blocks: [PendingBlock], _ slots: [UInt32], because error: SystemError
  ) -> StoreError {
    core.counters.droppedFills.count(blocks.count)
    core.counters.writeErrors.count()
    core.pauseFills()
    let isFull = [.noSpace, .quotaExceeded, .fileTooLarge].contains(error.errno)
    for slot in slots {
      if isFull { makeFree(slot) } else { makeBad(slot) }
    }
    if !isFull {
      failedBatchCount += 1
      if failedBatchCount == Self.failedBatchCountMax {
        core.hasStoppedFills.store(true, ordering: .relaxed)
      }
    }
    return StoreError(error, path: core.file.path)
  }

  /// Replaces the superblock, durably; after an error the old one holds.
  func replaceHeader(_ change: (inout StoreHeader) -> Void) throws(SystemError) {
    var changed = header
    changed.serial += 1
    change(&changed)
    // What fails may be on disk nevertheless: its number is not used again.
    header.serial += 1
    try core.file.write(changed)
    header = changed
  }

  /// Names the written blocks in the index, and lets readers find them.
  private func record(_ blocks: [PendingBlock], in slots: [UInt32]) -> StoreError? {
    var changes = BlockIndex.Changes()
    for (block, slot) in zip(blocks, slots) {
      numbers.lastSequence += 1
      let incarnation = block.incarnation
      changes.slots.append(
        (
          slot,
          SlotRecord(
            object: incarnation.objectID, block: block.block, epoch: incarnation.epoch,
            sequence: numbers.lastSequence, checksum: block.checksum,
            validByteCount: block.validByteCount)
        ))
      if let old = core.table.slot(handle: incarnation.handle, block: block.block) {
        changes.slots.append((old, nil))
      }
      if incarnation.isUseWorthSaving { appendUse(of: incarnation, to: &changes) }
    }
    appendFingerprints(to: &changes, countMax: Self.notesPerBatch)
    if let error = commit(changes) {
      core.counters.droppedFills.count(blocks.count)
      for slot in slots { makeFree(slot) }
      let isFull = error.code == .mapFull
      return StoreError(
        isFull ? .noSpace : .io, path: core.directory,
        message: "\(core.directory)/index: \(error); "
          + (isFull ? "cull objects to make room" : "the cache is out of use until reopened"))
    }
    publish(blocks, in: slots)
    return nil
  }

  /// Adds the object's time of use to `changes`.
  func appendUse(of incarnation: Incarnation, to changes: inout BlockIndex.Changes) {
    let record = incarnation.record
    incarnation.savedUse.store(UInt32(clamping: record.lastUse), ordering: .relaxed)
    changes.objects.append((incarnation.objectID, record))
  }

  /// Gives a new block its place in the order of use.
  ///
  /// In a cache that is full, every second block that was not seen before is the first to go: of a
  /// loop that does not fit, part stays that way, where each block would push out the next one
  /// needed.
  private func admit(_ slot: UInt32, _ incarnation: Incarnation, _ block: UInt32) {
    let returns = ghosts.take(handle: incarnation.handle, block: block)
    if incarnation.pins.contains(block) { return recency.insert(slot, in: .pinned) }
    if returns { return recency.insert(slot, in: .protected) }
    guard !ghosts.isEmpty else { return recency.insert(slot) }
    admittedCount &+= 1
    if admittedCount % 2 == 0 {
      recency.insert(slot)
    } else {
      recency.insertColdest(slot)
    }
  }

  private func publish(_ blocks: [PendingBlock], in slots: [UInt32]) {
    let now = StoreCore.now
    var refused = BlockIndex.Changes()
    for (block, slot) in zip(blocks, slots) {
      let incarnation = block.incarnation
      let publication = core.table.publish(
        slot, handle: incarnation.handle, block: block.block, checksum: block.checksum,
        lastUse: now)
      if publication != .refused { block.isDurable.store(true, ordering: .relaxed) }
      switch publication {
      case .added:
        incarnation.slotCount.wrappingAdd(1, ordering: .relaxed)
        admit(slot, incarnation, block.block)
      case .replaced(let old):
        let segment = recency.segment(of: old)
        recency.remove(old)
        recency.insert(slot, in: segment)
        freeWhenUnheld(old)
      case .refused:
        refused.slots.append((slot, nil))
      }
    }
    core.counters.filledBlocks.count(blocks.count - refused.slots.count)
    guard !refused.isEmpty else { return }
    core.counters.refusedFills.count(refused.slots.count)
    if commit(refused) != nil {
      if index != nil { giveUp() }
      return
    }
    for (slot, _) in refused.slots { makeFree(slot) }
  }
}
