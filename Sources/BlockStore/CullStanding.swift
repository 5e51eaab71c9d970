/// Where an object's blocks stand in the order in which culling takes blocks.
///
/// Blocks that were used once come first, then those that were used again, each the coldest first.
/// A block that is being read is passed over at the time.
package struct CullStanding: Equatable, Sendable {
  /// Blocks of other objects that go before the object's first one; nil when none of its blocks can
  /// go.
  package var blocksAhead: Int?
  /// Blocks that were used once since they were filled.
  package var usedOnceCount = 0
  /// Blocks that were used again, of late.
  package var usedAgainCount = 0
  /// Cached blocks that culling leaves.
  package var pinnedCount = 0

  /// Of an object without blocks.
  package init() {}
}

/// Explaining the order of culling, on the writer thread.
extension CommitWriter {
  /// The standing of every object that has blocks, by its handle.
  ///
  /// A pass over the list of use.
  func cullStandings() -> [UInt32: CullStanding] {
    noteUses()
    var standings: [UInt32: CullStanding] = [:]
    var position = 0
    recency.walkAll { slot in
      let handle = core.table.key(of: slot).handle
      switch recency.segment(of: slot) {
      case .probation: standings[handle, default: CullStanding()].usedOnceCount += 1
      case .protected: standings[handle, default: CullStanding()].usedAgainCount += 1
      case .pinned:
        standings[handle, default: CullStanding()].pinnedCount += 1
        return
      }
      if standings[handle]?.blocksAhead == nil { standings[handle]?.blocksAhead = position }
      position += 1
    }
    return standings
  }
}
