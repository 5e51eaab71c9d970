internal import Linux
internal import Synchronization

/// All objects of the cache, in RAM; the index has the same in its `obj` table.
///
/// Any thread may look things up; only the writer thread adds and retires.
final class ObjectTable: Sendable {
  private struct State {
    var current: [ObjectName: Incarnation] = [:]
    /// By key; those that are not the default one.
    var volumes: [[UInt8]: VolumeEntry] = [:]
    var volumesByID: [UInt32: VolumeEntry] = [:]
    var byHandle: [Incarnation?] = []
    var freeHandles: [UInt32] = []
    /// No longer current, but with a handle that something may still refer to.
    var retired: [Incarnation] = []
  }

  private let state = Lock(State())

  var count: Int { state.withLock { state in state.current.count } }

  /// Records that the index has of objects and volumes.
  var recordCount: Int {
    state.withLock { state in state.current.count + state.volumes.count }
  }

  func current(_ name: ObjectName) -> Incarnation? {
    state.withLock { state in state.current[name] }
  }

  func incarnation(handle: UInt32) -> Incarnation? {
    state.withLock { state in
      Int(handle) < state.byHandle.count ? state.byHandle[Int(handle)] : nil
    }
  }

  /// Every object, by volume and key.
  func all() -> [Incarnation] {
    let all = state.withLock { state in Array(state.current.values) }
    return all.sorted { $0.name < $1.name }
  }

  /// Every incarnation that has a handle, retired ones as well.
  func allByHandle() -> [Incarnation?] {
    state.withLock { state in state.byHandle }
  }

  /// The current incarnation of `name`, bound once more, if `condition` holds for it.
  func bind(_ name: ObjectName, where condition: (Incarnation) -> Bool) -> Incarnation? {
    state.withLock { state in
      guard let found = state.current[name], condition(found) else { return nil }
      found.bindCount.wrappingAdd(1, ordering: .relaxed)
      return found
    }
  }

  /// Binds an incarnation that the caller knows to have a handle still: a current one on the writer
  /// thread, or one that is bound.
  func bind(_ incarnation: Incarnation) {
    _ = state.withLock { _ in incarnation.bindCount.wrappingAdd(1, ordering: .relaxed) }
  }

  /// Makes the incarnation of an object that `record` describes current, and retires the one
  /// before.
  @discardableResult
  func insert(objectID: UInt64, record: ObjectRecord) -> Incarnation {
    state.withLock { state in
      let handle = state.freeHandles.popLast() ?? UInt32(state.byHandle.count)
      let made = Incarnation(objectID: objectID, handle: handle, record: record)
      if Int(handle) == state.byHandle.count { state.byHandle.append(nil) }
      state.byHandle[Int(handle)] = made
      if let old = state.current.updateValue(made, forKey: record.name) {
        old.isCurrent.store(false, ordering: .releasing)
        state.retired.append(old)
      }
      return made
    }
  }

  /// Removes an object; its incarnation is retired.
  func remove(_ incarnation: Incarnation) {
    state.withLock { state in
      guard state.current[incarnation.name] === incarnation else { return }
      state.current[incarnation.name] = nil
      incarnation.isCurrent.store(false, ordering: .releasing)
      state.retired.append(incarnation)
    }
  }

  /// Whether slots of retired incarnations wait to be freed.
  var hasDeadSlots: Bool {
    state.withLock { state in
      state.retired.contains { $0.slotCount.load(ordering: .relaxed) > 0 }
    }
  }

  /// Gives up the handles of retired incarnations that nothing refers to any more.
  func recycleHandles() {
    state.withLock { state in
      guard !state.retired.isEmpty else { return }
      var kept: [Incarnation] = []
      for old in state.retired {
        // Order matters: a binding makes fills, fills make slots.
        if old.bindCount.load(ordering: .acquiring) == 0,
          old.pendingCount.load(ordering: .acquiring) == 0,
          old.slotCount.load(ordering: .acquiring) == 0
        {
          state.byHandle[Int(old.handle)] = nil
          state.freeHandles.append(old.handle)
        } else {
          kept.append(old)
        }
      }
      state.retired = kept
    }
  }
}

// Volumes.
extension ObjectTable {
  func volume(key: [UInt8]) -> VolumeEntry? {
    state.withLock { state in state.volumes[key] }
  }

  /// The key of volume `id`; empty for the default volume, and for one that is gone.
  func volumeKey(id: UInt32) -> [UInt8] {
    state.withLock { state in state.volumesByID[id]?.key ?? [] }
  }

  /// Whether there is such a volume; the default one is always there.
  func hasVolume(id: UInt32) -> Bool {
    id == ObjectName.defaultVolume
      || state.withLock { state in state.volumesByID[id] != nil }
  }

  /// Every volume but the default one.
  func allVolumes() -> [VolumeEntry] {
    state.withLock { state in Array(state.volumes.values) }
  }

  /// Makes `volume` the one that is called by its key.
  func insert(_ volume: VolumeEntry) {
    state.withLock { state in
      state.volumes[volume.key] = volume
      state.volumesByID[volume.id] = volume
    }
  }

  /// Removes a volume and retires its objects; returns their identities.
  func remove(_ volume: VolumeEntry) -> [UInt64] {
    state.withLock { state in
      volume.isCurrent.store(false, ordering: .releasing)
      if state.volumes[volume.key] === volume { state.volumes[volume.key] = nil }
      state.volumesByID[volume.id] = nil
      let objects = state.current.values.filter { $0.name.volume == volume.id }
      for object in objects {
        state.current[object.name] = nil
        object.isCurrent.store(false, ordering: .releasing)
        state.retired.append(object)
      }
      return objects.map(\.objectID)
    }
  }
}
