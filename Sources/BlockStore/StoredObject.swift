internal import Bytes
internal import Synchronization

/// An object bound to the cache: where its blocks are read from and filled into.
///
/// Nothing here fails: what cannot be read is a miss, what cannot be kept is dropped. Any thread
/// may call anything at any time, also after the store is closed.
package final class StoredObject: Sendable {
  /// The object's size; its last block ends there.
  package let byteCount: UInt64
  private let core: StoreCore
  /// Keeps the store open.
  private let store: CacheStore
  /// Nil when the cache had no room for the object: all reads miss.
  private let incarnation: Incarnation?

  /// Adopts one binding of `incarnation`.
  init(store: CacheStore, core: StoreCore, incarnation: Incarnation?, byteCount: UInt64) {
    self.store = store
    self.core = core
    self.incarnation = incarnation
    self.byteCount = byteCount
  }

  deinit {
    incarnation?.bindCount.wrappingSubtract(1, ordering: .releasing)
  }

  /// Whether the object has been invalidated or removed since it was bound.
  package var isStale: Bool {
    incarnation.map { !$0.isCurrent.load(ordering: .acquiring) } ?? false
  }

  /// Reads one block to the front of `target`, which has room for its valid bytes.
  ///
  /// A hit costs one system call and a checksum, and allocates nothing. What `target` holds after a
  /// miss is unspecified.
  package func read(block index: UInt32, into target: inout MutableRawSpan) -> BlockRead {
    guard let incarnation, let validByteCount = validByteCount(ofBlock: index) else {
      core.counters.misses.count()
      return .miss
    }
    precondition(target.byteCount >= validByteCount, "a target too small for the block")
    guard incarnation.isCurrent.load(ordering: .acquiring) else {
      core.counters.staleReads.count()
      return .stale
    }
    let isHit = core.read(
      incarnation, block: index, validByteCount: validByteCount, into: &target)
    // Once more: what was read may be of an epoch that ended meanwhile.
    guard incarnation.isCurrent.load(ordering: .acquiring) else {
      core.counters.staleReads.count()
      return .stale
    }
    if isHit {
      core.counters.hits.count()
      return .hit(validByteCount: validByteCount)
    }
    core.counters.misses.count()
    return .miss
  }

  /// Reads several blocks, neighbours in the data file by one call, and lends each one's valid bytes
  /// to `body`, in no particular order.
  ///
  /// `blocks` ascend. Those that `body` does not get are misses; false when that is because the
  /// object is stale.
  package func read(blocks: [UInt32], _ body: (UInt32, RawSpan) -> Void) -> Bool {
    var hitCount = 0
    if let incarnation, incarnation.isCurrent.load(ordering: .acquiring) {
      core.read(incarnation, blocks: blocks, of: byteCount) { block, bytes in
        // What was read may be of an epoch that ended meanwhile.
        guard incarnation.isCurrent.load(ordering: .acquiring) else { return }
        hitCount += 1
        body(block, bytes)
      }
    }
    core.counters.hits.count(hitCount)
    if isStale {
      core.counters.staleReads.count(blocks.count - hitCount)
      return false
    }
    core.counters.misses.count(blocks.count - hitCount)
    return true
  }

  /// Whether the block would be a hit, as far as RAM knows; counts as no use.
  package func contains(block index: UInt32) -> Bool {
    guard let incarnation, incarnation.isCurrent.load(ordering: .acquiring) else { return false }
    return core.contains(incarnation, block: index)
  }

  /// Takes a copy of a block, which readers find at once and the disk has within 100 ms or so.
  ///
  /// `bytes` must be the block's valid range, all of it; anything else is dropped. While 64 MiB
  /// wait to be written (a quarter of a small cache), the call blocks for up to 250 ms; then the
  /// block is dropped, as it is when the object is stale, the disk is full, or culling finds no
  /// room.
  ///
  /// Returns whether the block was taken, so that a run of blocks can be given up with its first.
  @discardableResult
  package func fill(block index: UInt32, with bytes: RawSpan) -> Bool {
    guard let incarnation, incarnation.isCurrent.load(ordering: .acquiring),
      validByteCount(ofBlock: index) == bytes.byteCount
    else {
      core.counters.droppedFills.count()
      return false
    }
    return core.fill(incarnation, block: index, with: bytes)
  }

  /// Tells the cache of a use that a tier above answered, so that what is hot there is not cold
  /// here.
  package func noteUse(block index: UInt32) {
    guard let incarnation, incarnation.isCurrent.load(ordering: .acquiring) else { return }
    core.noteUse(incarnation, block: index)
  }

  /// The bytes of block `index`: fewer in the last one, nil beyond the end.
  package func validByteCount(ofBlock index: UInt32) -> Int? {
    core.geometry.validByteCount(ofBlock: index, in: byteCount)
  }
}
