internal import Linux
internal import Synchronization

/// What callers of ``CacheStore`` wait for on the writer thread.
extension CommitWriter {
  /// Writes all that waits now; says why if some of it was dropped.
  func commitWaiting() -> StoreError? {
    var error: StoreError?
    var waitingCount = core.queue.waitingCount
    // Fills may keep coming; those that came first are enough.
    while waitingCount > 0 {
      let before = core.queue.waitingCount
      error = commitBatch() ?? error
      waitingCount -= max(1, before - core.queue.waitingCount)
    }
    return error
  }

  /// Sets the water marks in the superblock, and acts on them.
  func setLimits(_ limits: CullLimits) -> StoreError? {
    do throws(SystemError) {
      try replaceHeader { $0.limits = limits }
    } catch {
      return StoreError(error, path: core.file.path)
    }
    marks = SlotMarks(limits, slotCount: core.geometry.slotCount)
    return nil
  }

  /// Makes everything durable, saves the recency list and marks the cache clean.
  func finish(savingRecencyTo path: String) {
    _ = commitWaiting()
    maintain()
    guard index != nil else { return }
    saveUses()
    saveFingerprints()
    guard index != nil else { return }
    closeIndex()
    header.flags = .clean
    header.sequenceFloor = numbers.lastSequence
    header.serial += 1
    // A hint, and "clean" only spares the next opening some doubt: neither is worth an error.
    if let recency = changedRecency() { _ = try? RecencyFile.write(recency, to: path) }
    _ = try? core.file.write(header)
  }

  /// The order of use, to be saved; nil when neither it nor the superblock has changed since this
  /// was called last.
  ///
  /// O(slots in use), from memory.
  func changedRecency() -> RecencyFile? {
    noteUses()
    let state = RecencyState(changeCount: recency.changeCount, serial: header.serial)
    guard state != savedRecency else { return nil }
    savedRecency = state
    var entries: [RecencyFile.Entry] = []
    entries.reserveCapacity(recency.count)
    recency.walkAll { slot in
      entries.append(
        RecencyFile.Entry(
          slot: slot, isProtected: recency.segment(of: slot) != .probation,
          lastUse: core.table.status(of: slot).lastUse))
    }
    return RecencyFile(
      serial: header.serial, lastSequence: numbers.lastSequence, entries: entries)
  }

  /// Tells the index when objects were last used.
  private func saveUses() {
    var changes = BlockIndex.Changes()
    for object in core.objects.all()
    where object.lastUse.load(ordering: .relaxed) != object.savedUse.load(ordering: .relaxed) {
      appendUse(of: object, to: &changes)
      if changes.objects.count == Self.victimCountMax {
        _ = commit(changes)
        changes = BlockIndex.Changes()
      }
    }
    if !changes.isEmpty { _ = commit(changes) }
  }

  func status() -> StoreStatus {
    var status = core.status()
    status.limits = header.limits
    status.blocks.used = recency.count
    status.blocks.free = free.count
    status.blocks.bad = badSlots.count
    status.blocks.pinned = recency.pinnedCount
    status.blocks.quarantined =
      status.blocks.total - recency.count - free.count - badSlots.count
    status.usedByteCount = UInt64(recency.count) << UInt64(core.geometry.blockSizeBits)
    if let index {
      status.index.byteCount = (try? index.usedByteCount()) ?? 0
      status.index.mapByteCount = index.mapByteCount
      status.index.fingerprintCount = index.fingerprintCount + core.fingerprints.count
    }
    return status
  }
}

extension StoreCore {
  /// The part of the status that needs no writer.
  func status() -> StoreStatus {
    var status = StoreStatus()
    status.directory = directory
    status.formatVersion = Int(StoreHeader.version)
    status.blockByteCount = geometry.blockByteCount
    status.capacityByteCount = geometry.capacityByteCount
    status.blocks.total = geometry.slotCount
    status.objectCount = objects.count
    status.objectCountMax = geometry.objectCountMax
    status.disk.hits = counters.hits.value
    status.disk.misses = counters.misses.value
    status.disk.staleReads = counters.staleReads.value
    status.disk.filledBlocks = counters.filledBlocks.value
    status.disk.droppedFills = counters.droppedFills.value
    status.disk.refusedFills = counters.refusedFills.value
    status.disk.culledBlocks = counters.culledBlocks.value
    status.disk.checksumFailures = counters.checksumFailures.value
    status.disk.readErrors = counters.readErrors.value
    status.disk.writeErrors = counters.writeErrors.value
    status.disk.commits = counters.commits.value
    status.disk.dataSyncs = counters.dataSyncs.value
    status.disk.pendingByteCount = queue.byteCount
    status.service =
      isWithdrawn.load(ordering: .relaxed)
      ? .none : hasStoppedFills.load(ordering: .relaxed) ? .readsOnly : .full
    return status
  }
}
