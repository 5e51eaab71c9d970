internal import Synchronization

/// Volumes come, change and go: each change is durable before the caller hears of it.
///
/// One record decides about a whole volume. The records of its objects are removed after it, a
/// batch at a time; opening the cache drops those whose volume is not there.
extension CommitWriter {
  /// The volume with this coherency data, acquired once more; nil when there is no room for it, or
  /// the store has given up.
  func acquireVolume(key: [UInt8], coherency: [UInt8]) -> VolumeEntry? {
    guard index != nil else { return nil }
    let existing = core.objects.volume(key: key)
    if let existing, existing.coherency == coherency {
      existing.acquisitionCount.wrappingAdd(1, ordering: .relaxed)
      return existing
    }
    guard existing != nil || hasRoomForRecord() else { return nil }
    numbers.lastObjectID += 1
    var record = ObjectRecord(
      name: ObjectName(key: key, volume: ObjectName.defaultVolume), epoch: 1, byteCount: 0,
      lastUse: UInt64(StoreCore.now), coherency: coherency)
    record.isVolume = true
    guard let made = VolumeEntry(id: numbers.lastObjectID, record: record) else { return nil }
    var changes = BlockIndex.Changes()
    if let existing { changes.objects.append((UInt64(existing.id), nil)) }
    changes.objects.append((UInt64(made.id), record))
    let error = commit(changes)
    if let existing {
      forgetObjects(of: existing)
      // The old volume must not come back.
      if error != nil, index != nil { giveUp() }
    }
    guard error == nil else { return nil }
    core.objects.insert(made)
    made.acquisitionCount.wrappingAdd(1, ordering: .relaxed)
    return made
  }

  /// Removes a volume and its objects; false when it is gone already, or that cannot be made
  /// durable.
  func remove(_ volume: VolumeEntry) -> Bool {
    guard volume.isCurrent.load(ordering: .relaxed), index != nil else { return false }
    var changes = BlockIndex.Changes()
    changes.objects.append((UInt64(volume.id), nil))
    let error = commit(changes)
    forgetObjects(of: volume)
    if error != nil, index != nil { giveUp() }
    return error == nil
  }

  /// Removes volumes that nobody has acquired and that have no objects.
  func removeIdleVolumes() {
    let used = Set(core.objects.all().map(\.name.volume))
    for volume in core.objects.allVolumes()
    where volume.acquisitionCount.load(ordering: .acquiring) == 0 && !used.contains(volume.id) {
      guard remove(volume) else { return }
    }
  }

  /// Removes the records of objects whose volume is gone, some at a time.
  func removeOrphans() {
    guard !orphans.isEmpty else { return }
    var changes = BlockIndex.Changes()
    changes.objects = orphans.suffix(Self.victimCountMax).map { ($0, nil) }
    // What fails here is tried again, or dropped when the cache is opened.
    guard commit(changes) == nil else { return }
    orphans.removeLast(changes.objects.count)
    if !orphans.isEmpty { core.queue.requestMaintenance() }
  }

  private func forgetObjects(of volume: VolumeEntry) {
    orphans += core.objects.remove(volume)
  }
}
