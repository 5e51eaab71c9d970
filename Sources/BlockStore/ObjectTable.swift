internal import Linux
internal import Synchronization

/// All objects of the cache, in RAM; the index has the same in its `obj` table.
///
/// Any thread may look things up; only the writer thread adds and retires.
final class ObjectTable: Sendable {
  private struct State {
    var current: [[UInt8]: Incarnation] = [:]
    var byHandle: [Incarnation?] = []
    var freeHandles: [UInt32] = []
    /// No longer current, but with a handle that something may still refer to.
    var retired: [Incarnation] = []
  }

  private let state = Lock(State())

  var count: Int { state.withLock { state in state.current.count } }

  func current(key: [UInt8]) -> Incarnation? {
    state.withLock { state in state.current[key] }
  }

  func incarnation(handle: UInt32) -> Incarnation? {
    state.withLock { state in
      Int(handle) < state.byHandle.count ? state.byHandle[Int(handle)] : nil
    }
  }

  /// Every object, in the order of their keys' bytes.
  func all() -> [Incarnation] {
    let all = state.withLock { state in Array(state.current.values) }
    return all.sorted { $0.key.lexicographicallyPrecedes($1.key) }
  }

  /// Every incarnation that has a handle, retired ones as well.
  func allByHandle() -> [Incarnation?] {
    state.withLock { state in state.byHandle }
  }

  /// The current incarnation of `key`, bound once more, if `condition` holds for it.
  func bind(key: [UInt8], where condition: (Incarnation) -> Bool) -> Incarnation? {
    state.withLock { state in
      guard let found = state.current[key], condition(found) else { return nil }
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
      if let old = state.current.updateValue(made, forKey: record.key) {
        old.isCurrent.store(false, ordering: .releasing)
        state.retired.append(old)
      }
      return made
    }
  }

  /// Removes an object; its incarnation is retired.
  func remove(_ incarnation: Incarnation) {
    state.withLock { state in
      guard state.current[incarnation.key] === incarnation else { return }
      state.current[incarnation.key] = nil
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
