internal import Linux
internal import Synchronization

extension CacheStore {
  /// Written or discarded by one job: a fraction of a second.
  private static let zerosByteCount: UInt64 = 32 << 20
  private static let discardedSlotCount: UInt32 = 16384

  /// Gives the cache room for `capacityByteCount` bytes of blocks, durably, while it is in use.
  ///
  /// Growing takes disk space as the cache did when it was made. Shrinking keeps the blocks that
  /// find room in what is left, coldest out first, and every pinned one; it waits for readers of
  /// the slots that go. Throws `.badConfiguration` for a size that no cache, or not the device, can
  /// have, `.noSpace` for want of disk, of memory or of room for what is pinned, `.busy` while
  /// another call is at it; the old size holds then.
  package func resize(to capacityByteCount: UInt64) throws(StoreError) {
    let old = core.geometry
    let geometry = try StoreConfiguration(
      capacityByteCount: capacityByteCount, blockByteCount: old.blockByteCount
    ).geometry()
    guard !core.isResizing.exchange(true, ordering: .acquiring) else {
      throw StoreError(
        .busy(nil), path: core.directory, message: "\(core.directory) is being resized already")
    }
    defer { core.isResizing.store(false, ordering: .releasing) }
    if geometry.slotCount > old.slotCount {
      try grow(to: geometry)
    } else if geometry.slotCount < old.slotCount {
      try shrink(to: geometry)
    }
  }

  /// The steps are jobs of the writer, so that nothing is written once the cache is closed.
  private func grow(to geometry: Geometry) throws(StoreError) {
    do throws(StoreError) {
      let begun = core.queue.perform { writer in
        Result { () throws(StoreError) in try writer.beginGrowing(to: geometry) }
      }
      guard let begun else { throw closedError() }
      var unwritten = try begun.get()
      while !unwritten.isEmpty {
        let step = min(UInt64(unwritten.count), Self.zerosByteCount)
        let offset = unwritten.lowerBound
        try perform { writer in writer.writeZeros(at: offset, byteCount: step) }
        unwritten = offset + step..<unwritten.upperBound
      }
      try perform { writer in writer.finishGrowing(to: geometry) }
    } catch {
      _ = core.queue.perform { writer in writer.abandonGrowing() }
      throw error
    }
  }

  /// Between the steps, which are jobs of the writer, fills and other jobs have their turn.
  private func shrink(to geometry: Geometry) throws(StoreError) {
    let oldCount = UInt32(core.geometry.slotCount)
    let newCount = UInt32(geometry.slotCount)
    try perform { writer in writer.beginShrinking(to: geometry.slotCount) }
    do throws(StoreError) {
      var next = newCount
      var isEmpty = false
      while !isEmpty {
        let step = core.queue.perform { [next] writer in
          var next = next
          let (isEmpty, error) = writer.emptySlots(from: &next)
          writer.maintain()
          return (isEmpty, error, next)
        }
        guard let (isEmptyNow, error, reached) = step else { throw closedError() }
        if let error { throw error }
        // The end of a round, and not the last: somebody reads a slot that is to go.
        if !isEmptyNow, reached == newCount { Thread.sleep(milliseconds: 2) }
        (isEmpty, next) = (isEmptyNow, reached)
      }
      var end = oldCount
      while end > newCount {
        guard
          let (error, reached) = core.queue.perform({ [end] writer in
            var end = end
            let error = writer.removeRecords(before: &end)
            return (error, end)
          })
        else { throw closedError() }
        if let error { throw error }
        end = reached
      }
      try perform { writer in writer.finishShrinking(to: geometry) }
    } catch {
      _ = core.queue.perform { writer in writer.abandonShrinking() }
      throw error
    }
    // The new size holds; what a device does not hear of now is waste, no error.
    for first in stride(from: newCount, to: oldCount, by: Int(Self.discardedSlotCount)) {
      let end = min(oldCount, first + Self.discardedSlotCount)
      _ = core.queue.perform { writer in writer.discard(first..<end) }
    }
  }
}
