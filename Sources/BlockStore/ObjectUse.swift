internal import Synchronization

/// Objects that somebody changes, on the writer thread.
///
/// A change replaces blocks one by one, so until it is complete the blocks on disk are of no
/// version. The record says so, durably, from before the first of them: an object that is still
/// marked when the cache is opened is dropped.
extension CommitWriter {
  /// Counts a use of the object, and marks it first when it is to be changed; false when it is not
  /// current, or the mark cannot be made durable.
  func use(_ object: Incarnation, willModify: Bool) -> Bool {
    guard index != nil, object.isCurrent.load(ordering: .relaxed) else { return false }
    if willModify, !object.isDirty.load(ordering: .relaxed) {
      object.isDirty.store(true, ordering: .relaxed)
      object.changeCount.wrappingAdd(1, ordering: .relaxed)
      var changes = BlockIndex.Changes()
      changes.objects.append((object.objectID, object.record))
      changes.forgotten.append((object.objectID, .max))
      guard commit(changes) == nil else {
        object.isDirty.store(false, ordering: .relaxed)
        return false
      }
    }
    object.useCount += 1
    return true
  }

  /// Ends a use; the last one takes the mark away, with the object's new coherency data and size.
  ///
  /// Before that, everything filled is made durable. When some of it was lost, the object begins a
  /// new epoch without blocks. False when there was no use to end, or the index refused.
  func unuse(_ object: Incarnation, coherency: [UInt8]?, byteCount: UInt64?) -> Bool {
    guard index != nil, object.isCurrent.load(ordering: .relaxed), object.useCount > 0 else {
      return false
    }
    object.useCount -= 1
    if let byteCount, !resize(object, to: byteCount) { return false }
    let isLast = object.useCount == 0
    let coherency = coherency ?? object.coherency
    guard isLast && object.isDirty.load(ordering: .relaxed) || coherency != object.coherency else {
      return true
    }
    if isLast { _ = commitWaiting() }
    guard index != nil else { return false }
    if object.hasLostFill.load(ordering: .relaxed) {
      return renew(object, coherency: coherency, byteCount: object.byteCount) != nil
    }
    var record = object.record
    record.coherency = coherency
    if isLast { record.isDirty = false }
    var changes = BlockIndex.Changes()
    changes.objects.append((object.objectID, record))
    changes.forgotten.append((object.objectID, .max))
    object.changeCount.wrappingAdd(1, ordering: .relaxed)
    // What stays marked is dropped by the next opening: nothing wrong comes of it.
    guard commit(changes) == nil else { return false }
    object.coherency = coherency
    if isLast { object.isDirty.store(false, ordering: .relaxed) }
    return true
  }

  /// Gives the object another size, durably; its blocks stay but for those that end elsewhere now.
  ///
  /// False when it is not current, or the index refused.
  func resize(_ object: Incarnation, to byteCount: UInt64) -> Bool {
    guard index != nil, object.isCurrent.load(ordering: .relaxed) else { return false }
    let oldByteCount = object.byteCount
    guard byteCount != oldByteCount else { return true }
    _ = commitWaiting()
    guard index != nil else { return false }
    let geometry = core.geometry
    let firstChanged = UInt32(
      clamping: min(byteCount, oldByteCount) >> UInt64(geometry.blockSizeBits))
    let end = geometry.blockCount(of: oldByteCount)
    var slots: [UInt32] = []
    for block in min(firstChanged, end)..<end {
      if let slot = core.table.remove(handle: object.handle, block: block) { slots.append(slot) }
    }
    var record = object.record
    record.byteCount = byteCount
    var changes = BlockIndex.Changes()
    changes.objects.append((object.objectID, record))
    changes.forgotten.append((object.objectID, .max))
    object.changeCount.wrappingAdd(1, ordering: .relaxed)
    guard commit(changes) == nil else {
      if index != nil { restore(slots) }
      return false
    }
    object.byteCount = byteCount
    for first in stride(from: 0, to: slots.count, by: Self.victimCountMax) {
      let cleared = slots[first..<min(slots.count, first + Self.victimCountMax)]
      var changes = BlockIndex.Changes()
      changes.slots = cleared.map { ($0, nil) }
      guard commit(changes) == nil else {
        // A later size could make the old records right again.
        if index != nil { giveUp() }
        return false
      }
      for slot in cleared {
        forget(slot)
        freeWhenUnheld(slot)
      }
    }
    return true
  }
}
