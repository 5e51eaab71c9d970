internal import Bytes
internal import LMDB

/// Keeping blocks from culling, on the writer thread.
extension CommitWriter {
  /// What became of a request to pin or unpin.
  enum PinOutcome: Sendable {
    case done(PinReport)
    case unknownObject
    /// The pins would keep this many blocks, of so many allowed.
    case tooMany(wanted: Int, allowed: Int)
    case failed(LMDBError)
  }

  /// Replaces an object's pins by what `change` makes of them, durably.
  ///
  /// Blocks count against the limit whether they are cached or not, so that what is pinned always
  /// has room. O(blocks pinned before and after).
  func changePins(
    of name: ObjectName, _ change: (PinnedBlocks) -> PinnedBlocks
  ) -> PinOutcome {
    guard index != nil, let object = core.objects.current(name) else { return .unknownObject }
    let old = object.pins
    let new = change(old)
    let allowed = Self.pinnedCountMax(of: core.geometry.slotCount)
    let wanted = pinnedTotal() + blockCount(of: new, in: object) - blockCount(of: old, in: object)
    // What only takes pins away is never refused, also when a smaller cache allows fewer.
    guard wanted <= allowed || new.subtracting(old).isEmpty else {
      return .tooMany(wanted: wanted, allowed: allowed)
    }
    var changes = BlockIndex.Changes()
    changes.pins.append((object.objectID, new))
    if let error = commit(changes) { return .failed(error) }
    object.pins = new
    settle(old.subtracting(new), of: object, in: .probation)
    settle(new.subtracting(old), of: object, in: .pinned)
    return .done(
      PinReport(
        blockCount: blockCount(of: new, in: object), totalBlockCount: wanted,
        allowedBlockCount: allowed))
  }

  /// Moves the cached ones of `blocks` to a segment of the recency list.
  private func settle(
    _ blocks: PinnedBlocks, of object: Incarnation, in segment: RecencyList.Segment
  ) {
    for range in blocks.clamped(to: core.geometry.blockCount(of: object.byteCount)) {
      for block in range {
        guard let slot = core.table.slot(handle: object.handle, block: block) else { continue }
        recency.move(slot, to: segment)
      }
    }
  }

  /// Blocks that the pins of all objects keep, cached or not.
  func pinnedTotal() -> Int {
    core.objects.all().reduce(0) { $0 + blockCount(of: $1.pins, in: $1) }
  }

  private func blockCount(of pins: PinnedBlocks, in object: Incarnation) -> Int {
    pins.clamped(to: core.geometry.blockCount(of: object.byteCount)).reduce(0) { $0 + $1.count }
  }

  /// Half of the slots: the other half stays a cache.
  static func pinnedCountMax(of slotCount: Int) -> Int { slotCount / 2 }
}
