package import Bytes
internal import Synchronization

/// An object bound to the cache: where its blocks are read from and filled into.
///
/// Nothing here fails: what cannot be read is a miss, what cannot be kept is dropped. Any thread
/// may call anything at any time, also after the store is closed.
package final class StoredObject: Sendable {
  /// The size that an object has which is not in the cache.
  private let unboundByteCount: UInt64
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
    unboundByteCount = byteCount
  }

  deinit {
    incarnation?.bindCount.wrappingSubtract(1, ordering: .releasing)
  }

  /// The object's size; its last block ends there.
  package var byteCount: UInt64 { incarnation?.byteCount ?? unboundByteCount }

  /// Bytes of a whole block.
  package var blockByteCount: Int { store.blockByteCount }

  /// The unit in which parts of a block are read.
  package static let pageByteCount = PageChecks.pageByteCount

  /// Whether the object has been invalidated or removed since it was bound.
  package var isStale: Bool {
    incarnation.map { !$0.isCurrent.load(ordering: .acquiring) } ?? false
  }

  /// Reads one block to the front of `target`; a miss when that has no room for its valid bytes.
  ///
  /// A hit costs one system call and a checksum, and allocates nothing. What `target` holds after a
  /// miss is unspecified.
  package func read(block index: UInt32, into target: inout MutableRawSpan) -> BlockRead {
    guard let incarnation, let validByteCount = validByteCount(ofBlock: index),
      target.byteCount >= validByteCount, !incarnation.hasLostFill.load(ordering: .relaxed)
    else {
      core.counters.misses.count()
      return .miss
    }
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

  /// Reads several blocks, neighbours in the data file by one call, and lends each one's valid
  /// bytes to `body`, in no particular order.
  ///
  /// `blocks` ascend. Those that `body` does not get are misses; false when that is because the
  /// object is stale.
  package func read(blocks: [UInt32], _ body: (UInt32, RawSpan) -> Void) -> Bool {
    var hitCount = 0
    if let incarnation, incarnation.isUsable {
      core.read(incarnation, blocks: blocks, of: byteCount) { block, bytes in
        // What was read may be of an epoch that ended meanwhile.
        guard incarnation.isUsable else { return }
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

  /// Reads the object's bytes from `offset` into all of `target`, as far as they are cached, and
  /// appends the blocks that are misses to `missing`.
  ///
  /// What `target`, which ends within the object, holds of those is unspecified. Of a block that is
  /// wanted in part only that is read, if the range begins and ends with a page of 4 KiB or the object;
  /// otherwise it is a miss. Returns false when the object is stale; then all blocks are misses.
  package func read(
    at offset: UInt64, into target: inout MutableRawSpan, missing: inout [UInt32]
  ) -> Bool {
    guard target.byteCount > 0 else { return true }
    let knownCount = missing.count
    let size = UInt64(blockByteCount)
    let blocks =
      UInt32(offset / size)..<UInt32((offset + UInt64(target.byteCount) - 1) / size) + 1
    if let incarnation, incarnation.isUsable {
      core.read(incarnation, at: offset, of: byteCount, into: &target, missing: &missing)
      // What was read may be of an epoch that ended meanwhile.
      if !incarnation.isUsable {
        missing.removeSubrange(knownCount...)
        missing.append(contentsOf: blocks)
      }
    } else {
      missing.append(contentsOf: blocks)
    }
    let missCount = missing.count - knownCount
    core.counters.hits.count(blocks.count - missCount)
    if isStale {
      core.counters.staleReads.count(missCount)
      return false
    }
    core.counters.misses.count(missCount)
    return true
  }

  /// Whether the block would be a hit, as far as RAM knows; counts as no use.
  package func contains(block index: UInt32) -> Bool {
    guard let incarnation, incarnation.isUsable else { return false }
    return core.contains(incarnation, block: index)
  }

  /// Whether all blocks are on disk, as far as RAM knows; O(1).
  package var isComplete: Bool {
    guard let incarnation, incarnation.isUsable else { return false }
    return incarnation.slotCount.load(ordering: .relaxed)
      == Int(core.geometry.blockCount(of: byteCount))
  }

  /// Takes a copy of a block, which readers find at once and the disk has within 100 ms or so.
  ///
  /// `bytes` must be the block's valid range, all of it; anything else is dropped. While 64 MiB
  /// wait to be written (a quarter of a small cache), the call blocks for up to 250 ms; then the
  /// block is dropped, as it is when the object is stale, the disk is full, or culling finds no
  /// room.
  ///
  /// Returns whether the block was taken, so that a run of blocks can be given up with its first.
  /// If it was, `onSettled` is called once, from a thread of the store's and before long: with true
  /// when the block is durable, with false when it was dropped after all or another fill of it
  /// overtook this one. It must not wait for the store.
  @discardableResult
  package func fill(
    block index: UInt32, with bytes: RawSpan, onSettled: (@Sendable (Bool) -> Void)? = nil
  ) -> Bool {
    guard let incarnation, incarnation.isUsable, validByteCount(ofBlock: index) == bytes.byteCount
    else {
      core.counters.droppedFills.count()
      incarnation?.noteLostFill()
      return false
    }
    let isTaken = core.fill(incarnation, block: index, with: bytes, onSettled: onSettled)
    if !isTaken { incarnation.noteLostFill() }
    return isTaken
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

// What is known of the files in the object.
extension StoredObject {
  /// What files in this version of the object were found to hold, as far as it is remembered.
  ///
  /// Nothing when the object is stale. Waits for the writer thread; O(files).
  package func fingerprints() -> StoredFingerprints {
    guard let incarnation else { return StoredFingerprints() }
    return core.queue.perform { writer in writer.fingerprints(of: incarnation) }
      ?? StoredFingerprints()
  }

  /// Remembers that `file`, a number of the caller's, has `byteCount` bytes with the SHA-256
  /// `digest`; nil forgets it.
  ///
  /// It goes to disk with what is written next, within five minutes or when the store is closed; in
  /// a crash it may be lost. So it is when the object is stale by then, or too many wait. Does not
  /// wait.
  package func noteFingerprint(_ digest: Digest?, ofFile file: UInt64, byteCount: UInt64) {
    guard let incarnation, incarnation.isUsable else { return }
    core.fingerprints.add(
      FingerprintQueue.Note(
        incarnation: incarnation, file: file, byteCount: byteCount, digest: digest,
        changeCount: incarnation.changeCount.load(ordering: .relaxed)))
  }
}

// What changes the object.
extension StoredObject {
  /// Counts a use of the object, which lasts until ``unuse(coherency:byteCount:)``.
  ///
  /// With `willModify` the caller is about to fill blocks with bytes of its own in place of those
  /// that are there. The object is marked first, durably: should the process end before the unuse,
  /// the object is dropped at the next opening. While the object is marked, a block that cannot be
  /// taken in makes every read a miss. False when the object is stale or not in the cache, or the
  /// mark cannot be made; then there is nothing to unuse.
  package func use(willModify: Bool) -> Bool {
    perform { writer, object in writer.use(object, willModify: willModify) }
  }

  /// Ends a use, with the coherency data and the size that the object has now; nil leaves them.
  ///
  /// With the last use the mark goes, after what was filled is durable; when some of it was lost,
  /// the object goes on without blocks, and this binding is stale. False when there was no use to
  /// end, or the index refused: the object is dropped at the next opening at the latest.
  @discardableResult
  package func unuse(coherency: [UInt8]? = nil, byteCount: UInt64? = nil) -> Bool {
    if let coherency, coherency.count > ObjectRecord.coherencyByteCountMax { return false }
    return perform { writer, object in
      writer.unuse(object, coherency: coherency, byteCount: byteCount)
    }
  }

  /// Gives the object another size, durably.
  ///
  /// Blocks stay but for those beyond the new end and the one that ends elsewhere now. False when
  /// the object is stale or not in the cache, or the index refused.
  package func resize(to byteCount: UInt64) -> Bool {
    perform { writer, object in writer.resize(object, to: byteCount) }
  }

  /// Drops the object's blocks, durably; this binding is stale from then on.
  ///
  /// False when it was already, or the index refused.
  package func invalidate() -> Bool {
    perform { writer, object in
      object.isCurrent.load(ordering: .relaxed)
        && writer.renew(object, coherency: object.coherency, byteCount: object.byteCount) != nil
    }
  }

  /// Forgets the object and its blocks, durably; false as for ``invalidate()``.
  package func retire() -> Bool {
    perform { writer, object in
      object.isCurrent.load(ordering: .relaxed) && writer.remove([object])
    }
  }

  /// Waits until what was filled so far is durable; throws when some of it had to be dropped just
  /// now.
  package func flush() throws(StoreError) {
    try store.flush()
  }

  private func perform(
    _ body: @escaping @Sendable (CommitWriter, Incarnation) -> Bool
  ) -> Bool {
    guard let incarnation else { return false }
    return core.queue.perform { writer in body(writer, incarnation) } ?? false
  }
}
