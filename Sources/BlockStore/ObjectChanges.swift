internal import Bytes
internal import Synchronization

/// Objects come, change and go: each change is durable before the caller hears of it.
extension CommitWriter {
  /// The current incarnation of an object with this coherency and size, bound once more; nil when
  /// there is no room for it, or the store has given up.
  func bind(_ name: ObjectName, coherency: [UInt8], byteCount: UInt64) -> Incarnation? {
    guard index != nil else { return nil }
    let now = UInt64(StoreCore.now)
    if let existing = core.objects.current(name) {
      if existing.coherency == coherency, existing.byteCount == byteCount,
        !existing.hasLostFill.load(ordering: .relaxed)
      {
        core.objects.bind(existing)
        return existing
      }
      guard let changed = renew(existing, coherency: coherency, byteCount: byteCount) else {
        return nil
      }
      core.objects.bind(changed)
      return changed
    }
    guard core.objects.hasVolume(id: name.volume), hasRoomForRecord() else { return nil }
    numbers.lastObjectID += 1
    let record = ObjectRecord(
      name: name, epoch: 1, byteCount: byteCount, lastUse: now, coherency: coherency)
    var changes = BlockIndex.Changes()
    changes.objects.append((numbers.lastObjectID, record))
    guard commit(changes) == nil else { return nil }
    let made = core.objects.insert(objectID: numbers.lastObjectID, record: record)
    core.objects.bind(made)
    return made
  }

  /// Begins a new epoch of an object; nil when that cannot be made durable.
  ///
  /// The old epoch must not come back: if the index cannot say so, the store gives up.
  func renew(
    _ existing: Incarnation, coherency: [UInt8], byteCount: UInt64
  ) -> Incarnation? {
    var record = existing.record
    record.coherency = coherency
    record.byteCount = byteCount
    record.isDirty = false  // with the blocks goes what was not whole
    var id = existing.objectID
    var changes = BlockIndex.Changes()
    // Which blocks a file lies in, only the version says; "all of it" needs no version.
    let isSame = existing.coherency == coherency && existing.byteCount == byteCount
    let pins = isSame || existing.pins.isWhole ? existing.pins : PinnedBlocks(ranges: [])
    if existing.epoch == UInt32.max {
      changes.objects.append((id, nil))
      numbers.lastObjectID += 1
      id = numbers.lastObjectID
      record.epoch = 1
    } else {
      record.epoch = existing.epoch + 1
    }
    changes.objects.append((id, record))
    changes.pins.append((id, pins))
    changes.forgotten.append((existing.objectID, .max))
    guard commit(changes) == nil else {
      core.objects.remove(existing)
      if index != nil { giveUp() }
      return nil
    }
    let renewed = core.objects.insert(objectID: id, record: record)
    renewed.pins = pins
    return renewed
  }

  /// Removes objects and, soon after, their blocks; false when that cannot be made durable.
  func remove(_ objects: ArraySlice<Incarnation>) -> Bool {
    var changes = BlockIndex.Changes()
    changes.objects = objects.map { ($0.objectID, nil) }
    let error = commit(changes)
    for object in objects { core.objects.remove(object) }
    if error != nil, index != nil { giveUp() }
    return error == nil
  }

  /// Whether the index may have another object or volume; makes room when records run short.
  func hasRoomForRecord() -> Bool {
    makeRoomForRecord()
    let spare = core.geometry.objectCountMax - core.objects.recordCount
    return spare > core.geometry.objectCountMax * header.limits.fstop / 100 && index != nil
  }

  /// Removes objects that nobody has bound, emptiest and coldest first, when records run short, and
  /// volumes that nobody has acquired and that have no objects.
  private func makeRoomForRecord() {
    let countMax = core.geometry.objectCountMax
    let cull = (countMax * header.limits.fcull).dividedRoundingUp(by: 100)
    let isShort = countMax - core.objects.recordCount <= cull
    guard isShort || index?.isNearlyFull ?? false else { return }
    let run = (countMax * header.limits.frun).dividedRoundingUp(by: 100)
    removeIdleVolumes()
    let victims = core.objects.all()
      .filter { $0.bindCount.load(ordering: .acquiring) == 0 && $0.pins.isEmpty }
      .sorted { left, right in
        let leftIsEmpty = left.slotCount.load(ordering: .relaxed) == 0
        let rightIsEmpty = right.slotCount.load(ordering: .relaxed) == 0
        if leftIsEmpty != rightIsEmpty { return leftIsEmpty }
        return left.lastUse.load(ordering: .relaxed) < right.lastUse.load(ordering: .relaxed)
      }
    var next = 0
    while next < victims.count, index != nil,
      countMax - core.objects.recordCount <= run || index?.isNearlyFull ?? false
    {
      let end = min(victims.count, next + 64)
      guard remove(victims[next..<end]) else { return }
      reapDeadSlots()
      next = end
    }
  }
}
