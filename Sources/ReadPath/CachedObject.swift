package import BlockStore
package import Bytes
internal import Linux

/// One version of a remote object, read through memory, the disk cache and its origin.
///
/// Invariants: the object has fewer than 2^32 blocks (``Tiers/open(_:reusing:)`` refuses longer
/// ones); every byte returned belongs to `version`; once the origin is seen to serve another
/// version, every read fails as stale, so two versions are never mixed. Thread-safe; reads block
/// the calling thread and must not be made from the cooperative pool.
package final class CachedObject: Sendable {
  package let origin: any Origin
  package let version: ObjectVersion
  package let blockByteCount: Int
  private let id: UInt64
  private let tiers: Tiers
  private let flights = FlightTable()
  private let readAhead = Lock(ReadAhead())
  private let recentParts = Lock(RecentParts())
  private let binding: Lock<StoredObject>
  private let staleness = Lock(false)

  /// Reads `version` of `origin` through `stored`, its binding in the disk cache.
  init(origin: any Origin, version: ObjectVersion, stored: StoredObject, tiers: Tiers) {
    self.origin = origin
    self.version = version
    binding = Lock(stored)
    self.tiers = tiers
    blockByteCount = tiers.store.blockByteCount
    id = tiers.nextObjectID()
  }

  deinit {
    tiers.memory.removeAll(of: id)
  }

  package var byteCount: UInt64 { version.byteCount }

  /// Whether the origin was seen to serve another version.
  package var isStale: Bool { staleness.withLock { $0 } }

  /// Fills all of `target` with the object's bytes from `offset`.
  package func fill(
    _ target: inout MutableRawSpan, at offset: UInt64
  ) throws(ReadPathError) {
    guard let range = ByteRange(offset: offset, byteCount: UInt64(target.byteCount)),
      range.end <= byteCount
    else {
      throw .outOfBounds(offset: offset)
    }
    guard !range.isEmpty else { return }
    try checkFresh()
    let blocks = self.blocks(of: range)
    var block = blocks.lowerBound
    while block < blocks.upperBound, let hit = tiers.memory.block(key(block)) {
      if hit.isWorthNoting { noteUse(of: block, hit.bytes) }
      copy(hit.bytes, of: block, into: &target, for: range)
      block += 1
    }
    var fillsMemory = true
    if block < blocks.upperBound {
      fillsMemory = try readMissing(block..<blocks.upperBound, into: &target, for: range)
    }
    fetchAhead(of: blocks, alsoFromDisk: fillsMemory)
  }

  /// Reads `blocks`, the first of which memory lacks; whether some of them went by way of memory.
  ///
  /// What is on disk is read straight into `target`, but for blocks of which small parts are read one
  /// after the other: those come into memory whole.
  private func readMissing(
    _ blocks: Range<UInt32>, into target: inout MutableRawSpan, for range: ByteRange
  ) throws(ReadPathError) -> Bool {
    let stored = self.stored
    // Who reads much at a time comes back for the rest of the last block in the same way.
    let takesParts =
      range.byteCount >= UInt64(blockByteCount) || !recentParts.withLock { $0.noteNearby(blocks) }
    var missing: [UInt32] = []
    var block = blocks.lowerBound
    while block < blocks.upperBound {
      if let bytes = tiers.memory.peek(key(block)) {
        copy(bytes, of: block, into: &target, for: range)
        block += 1
        continue
      }
      var end = block
      while end < blocks.upperBound, isInPlace(end, for: range, takesParts),
        stored.contains(block: end),
        end == block || tiers.memory.peek(key(end)) == nil, !flights.contains(end)
      {
        end += 1
      }
      guard end > block else {
        missing.append(block)
        block += 1
        continue
      }
      let size = UInt64(blockByteCount)
      let start = max(range.offset, UInt64(block) * size)
      let partEnd = min(range.end, UInt64(end) * size)
      var part = target._mutatingExtracting(
        Int(start - range.offset)..<Int(partEnd - range.offset))
      if !stored.read(at: start, into: &part, missing: &missing) { rebind() }
      block = end
    }
    guard !missing.isEmpty else { return false }
    try load(missing, into: &target, for: range)
    return true
  }

  /// Whether what `range` has of `block` is read by itself when it is on disk: all of it, or if
  /// `takesParts` whole pages.
  private func isInPlace(_ block: UInt32, for range: ByteRange, _ takesParts: Bool) -> Bool {
    let start = UInt64(block) * UInt64(blockByteCount)
    let end = start + UInt64(validByteCount(of: block))
    if range.offset <= start, range.end >= end { return true }
    let page = UInt64(StoredObject.pageByteCount)
    return takesParts && max(range.offset, start) % page == 0
      && (range.end >= end || range.end % page == 0)
  }

  /// Loads `blocks` of `range` into memory, each by whoever came first, and copies what is wanted.
  private func load(
    _ blocks: [UInt32], into target: inout MutableRawSpan, for range: ByteRange
  ) throws(ReadPathError) {
    var landing: [(block: UInt32, flight: Flight)] = []
    var owned: [UInt32] = []
    for block in blocks {
      switch flights.claim(block, unlessResident: { tiers.memory.peek(key(block)) }) {
      case .resident(let bytes):
        copy(bytes, of: block, into: &target, for: range)
      case .joined(let flight):
        landing.append((block, flight))
        tiers.queue.promote(block, of: self)
      case .owned(let flight):
        landing.append((block, flight))
        owned.append(block)
      }
    }
    // Every flight of ours is under way before the first wait, so two readers of overlapping
    // ranges cannot wait for each other.
    let landed = loadFromDisk(owned)
    enqueue(owned.filter { !landed.contains($0) }, isDemanded: true)
    for (block, flight) in landing {
      copy(try flight.wait(), of: block, into: &target, for: range)
    }
  }

  /// Tells the disk cache of a use that memory answered, or gives it back what it has lost.
  private func noteUse(of block: UInt32, _ bytes: [UInt8]) {
    let stored = self.stored
    if stored.contains(block: block) {
      stored.noteUse(block: block)
    } else {
      stored.fill(block: block, with: bytes.rawSpan)
    }
  }

  /// Whether memory or disk have all of `range`, which is within the object.
  package func isCached(_ range: ByteRange) -> Bool {
    guard !range.isEmpty else { return true }
    let stored = self.stored
    return blocks(of: range).allSatisfy { block in
      tiers.memory.peek(key(block)) != nil || stored.contains(block: block)
    }
  }

  /// Whether the disk cache has all of the object; O(1).
  package var isWhollyOnDisk: Bool { stored.isComplete }

  /// Tells the disk cache that `range`, which is within the object, is in use above.
  package func noteUse(of range: ByteRange) {
    guard !range.isEmpty else { return }
    let stored = self.stored
    for block in blocks(of: range) { stored.noteUse(block: block) }
  }

  /// Drops what memory has of the object; the next read looks on disk.
  package func forgetBlocks() {
    tiers.memory.removeAll(of: id)
  }

  /// Lands those of the ascending `blocks` that the disk cache has, and returns them.
  private func loadFromDisk(_ blocks: [UInt32]) -> Set<UInt32> {
    guard !blocks.isEmpty else { return [] }
    var landed: Set<UInt32> = []
    let isCurrent = stored.read(blocks: blocks) { block, bytes in
      guard bytes.byteCount == validByteCount(of: block) else { return }
      land(block, with: bytes.copyBytes())
      landed.insert(block)
    }
    if !isCurrent { rebind() }
    return landed
  }

  /// The object's place in the disk cache.
  package var stored: StoredObject { binding.withLock { $0 } }

  /// Finds the object a new place after it was invalidated or removed by hand.
  ///
  /// When the cache holds another version by now, ours stays without a place: what it is, only the
  /// origin can say, and the newer version's blocks are not ours to drop.
  private func rebind() {
    let key = [UInt8](origin.name.utf8)
    if let current = tiers.store.find(key: key), current.coherency != version.coherency { return }
    guard
      let new = try? tiers.store.bind(
        key: key, coherency: version.coherency, byteCount: version.byteCount)
    else { return }
    binding.withLock { $0 = new }
  }

  /// Brings what a reader in order wants after `blocks` into memory; what is on disk only for one who
  /// reads by way of memory, for whoever else reads in order reads ahead himself.
  private func fetchAhead(of blocks: Range<UInt32>, alsoFromDisk: Bool) {
    let ahead = readAhead.withLock { $0.advance(past: blocks, of: blockCount) }
    guard !ahead.isEmpty else { return }
    let stored = self.stored
    var absent: [UInt32] = []
    for block in ahead where tiers.memory.peek(key(block)) == nil {
      if !alsoFromDisk, stored.contains(block: block) { continue }
      // Once more, for it may have landed since.
      let isClaimed = flights.claimAhead(block) { tiers.memory.peek(key(block)) != nil }
      if isClaimed { absent.append(block) }
    }
    enqueue(absent, isDemanded: false)
  }

  /// Queues the ascending `blocks`, which have flights of ours, as runs of neighbours.
  private func enqueue(_ blocks: [UInt32], isDemanded: Bool) {
    var start = 0
    while start < blocks.count {
      var end = start + 1
      let limit = FetchQueue.runByteLimit / blockByteCount
      while end < blocks.count, blocks[end] == blocks[end - 1] + 1, end - start < limit {
        end += 1
      }
      let run = blocks[start]..<blocks[end - 1] + 1
      let isTaken = tiers.queue.enqueue(
        FetchRun(object: self, blocks: run, isDemanded: isDemanded))
      switch (isTaken, isDemanded) {
      case (true, true): break
      case (true, false):
        // Whoever joined before the run was in the queue did not find it there.
        if let block = flights.firstAwaited(of: run) { tiers.queue.promote(block, of: self) }
      case (false, true): refuse(run)
      case (false, false): enqueue(flights.abandon(run), isDemanded: true)
      }
      start = end
    }
  }

  private func refuse(_ blocks: Range<UInt32>) {
    let error = OriginError(
      .unavailable, "\(origin.name) is not fetched any more: the cache is closing")
    for block in blocks { flights.land(block, with: .failure(.origin(error))) }
  }

  /// Lands each of `blocks`, from disk what is there, the rest by one origin request for each gap;
  /// called by the queue's threads.
  func load(_ blocks: Range<UInt32>) {
    let stored = self.stored
    let landed = loadFromDisk(blocks.filter { stored.contains(block: $0) })
    let absent = blocks.filter { !landed.contains($0) }
    var start = 0
    while start < absent.count {
      var end = start + 1
      while end < absent.count, absent[end] == absent[end - 1] + 1 { end += 1 }
      fetch(absent[start]..<absent[end - 1] + 1)
      start = end
    }
  }

  private func fetch(_ blocks: Range<UInt32>) {
    do throws(ReadPathError) {
      try checkFresh()
      let bytes = try fetchBytes(of: blocks)
      var slices: [(UInt32, [UInt8])] = []
      var offset = 0
      for block in blocks {
        let count = validByteCount(of: block)
        let slice = [UInt8](bytes[offset..<offset + count])
        land(block, with: slice)
        slices.append((block, slice))
        offset += count
      }
      // Readers have their bytes by now; the disk cache may take its time.
      // A block that the disk is too slow for costs it a wait, so the first ends the run.
      if stored.isStale { rebind() }
      let stored = self.stored
      for (block, slice) in slices {
        guard stored.fill(block: block, with: slice.rawSpan) else { break }
      }
    } catch {
      for block in blocks { flights.land(block, with: .failure(error)) }
    }
  }

  private func fetchBytes(of blocks: Range<UInt32>) throws(ReadPathError) -> [UInt8] {
    let start = UInt64(blocks.lowerBound) * UInt64(blockByteCount)
    let end = min(UInt64(blocks.upperBound) * UInt64(blockByteCount), byteCount)
    guard let range = ByteRange(offset: start, byteCount: end - start) else {
      throw .stale(origin.name)
    }
    do throws(OriginError) {
      let (origin, version) = (origin, version)
      let bytes = try blockingOn { () async throws(OriginError) in
        try await origin.read(range, of: version)
      }
      guard bytes.count == Int(range.byteCount) else {
        throw OriginError(.malformed, "\(origin.name) sent \(bytes.count) bytes for \(range)")
      }
      return bytes
    } catch {
      if case .changed = error.code {
        markStale()
        throw .stale(origin.name)
      }
      throw .origin(error)
    }
  }

  private func land(_ block: UInt32, with bytes: [UInt8]) {
    tiers.memory.insert(bytes, for: key(block))
    flights.land(block, with: .success(bytes))
  }

  private func checkFresh() throws(ReadPathError) {
    if isStale { throw .stale(origin.name) }
  }

  /// Gives this version up, in memory and on disk; the next bind starts with the new one.
  private func markStale() {
    let isFirst = staleness.withLock { isStale in
      defer { isStale = true }
      return !isStale
    }
    guard isFirst else { return }
    tiers.memory.removeAll(of: id)
    let key = [UInt8](origin.name.utf8)
    if tiers.store.find(key: key)?.coherency == version.coherency {
      _ = tiers.store.invalidate(key: key)
    }
  }

  private var blockCount: UInt32 {
    UInt32(byteCount.dividedRoundingUp(by: UInt64(blockByteCount)))
  }

  private func key(_ block: UInt32) -> BlockMemory.Key {
    BlockMemory.Key(object: id, block: block)
  }

  private func blocks(of range: ByteRange) -> Range<UInt32> {
    let size = UInt64(blockByteCount)
    return UInt32(range.offset / size)..<UInt32((range.end - 1) / size) + 1
  }

  private func validByteCount(of block: UInt32) -> Int {
    let start = UInt64(block) * UInt64(blockByteCount)
    return Int(min(UInt64(blockByteCount), byteCount - start))
  }

  /// Copies what `block` has of `range` to its place in `target`.
  private func copy(
    _ bytes: [UInt8], of block: UInt32, into target: inout MutableRawSpan, for range: ByteRange
  ) {
    let blockStart = UInt64(block) * UInt64(blockByteCount)
    let start = max(range.offset, blockStart)
    let end = min(range.end, blockStart + UInt64(bytes.count))
    let source = bytes.rawSpan.extracting(Int(start - blockStart)..<Int(end - blockStart))
    target.copy(source, atByteOffset: Int(start - range.offset))
  }
}
