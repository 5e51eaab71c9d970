internal import Linux
internal import Synchronization

extension CacheStore {
  /// Gives the cache room for `capacityByteCount` bytes of blocks, durably, while it is in use.
  ///
  /// Shrinking keeps the blocks that find room in what is left, coldest out first, and every pinned
  /// one; it waits for readers of the slots that go. Throws `.badConfiguration` for a size that no
  /// cache can have, `.noSpace` for want of disk, of memory or of room for what is pinned, `.busy`
  /// while another call is at it; the old size holds then.
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
      try perform { writer in writer.grow(to: geometry) }
    } else if geometry.slotCount < old.slotCount {
      try shrink(to: geometry)
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
  }
}
