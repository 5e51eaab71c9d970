internal import Linux
internal import Synchronization

/// The cache on disk: blocks of objects in one data file, named by an index, coldest out first.
///
/// Invariants:
/// - A hit is exactly the bytes that were filled for that block of that object in its present
///   epoch; everything that goes wrong is a miss.
/// - One store has a cache directory open at a time, among all processes.
/// - Used slots never exceed the capacity; nothing grows with use but by the number of objects.
///
/// All methods may be called from any thread.
package final class CacheStore: Sendable {
  let core: StoreCore
  private let thread: Thread
  private let housekeeper: Housekeeper
  private let housekeeping: Thread
  private let recencyPath: String
  private let ownerLock: Lock<OwnerLock?>
  private let owner: StoreOwner
  /// What opening found.
  package let openReport: OpenReport

  /// Opens the cache in `directory`, or makes one there as `configuration` says.
  ///
  /// Throws `.busy` while another store has it open. A cache that cannot be believed is begun anew,
  /// see ``openReport``.
  package convenience init(
    opening directory: String, creatingWith configuration: StoreConfiguration
  ) throws(StoreError) {
    try self.init(directory, configuration, reformatting: false)
  }

  private init(
    _ directory: String, _ configuration: StoreConfiguration, reformatting: Bool
  ) throws(StoreError) {
    var opening = StoreOpening(directory: directory)
    let (core, writer, lock) = try opening.open(configuration, reformatting: reformatting)
    self.core = core
    recencyPath = opening.recencyPath
    ownerLock = Lock(lock)
    owner = StoreOwner(processID: CurrentProcess.id, since: WallClock.now)
    openReport = opening.report
    let housekeeper = Housekeeper(core: core, recencyPath: recencyPath)
    self.housekeeper = housekeeper
    do throws(SystemError) {
      housekeeping = try Thread(name: "cullet-keeper") { housekeeper.run() }
    } catch {
      throw StoreError(error, path: directory)
    }
    do throws(SystemError) {
      thread = try Thread(name: "cullet-writer") { writer.run() }
    } catch {
      housekeeper.stop()
      housekeeping.join()
      throw StoreError(error, path: directory)
    }
  }

  deinit {
    close()
  }

  /// Makes an empty cache in `directory`, in place of any that is there.
  package static func format(
    directory: String, configuration: StoreConfiguration
  ) throws(StoreError) {
    try CacheStore(directory, configuration, reformatting: true).close()
  }

  /// Writes everything out and lets the directory go.
  ///
  /// Reads miss and fills are dropped from then on.
  package func close() {
    end { [recencyPath] writer in writer.finish(savingRecencyTo: recencyPath) }
  }

  /// Ends the store as a killed process would: what waits is lost and nothing is marked clean.
  ///
  /// For tests of recovery.
  package func abandon() {
    end { writer in writer.closeIndex() }
  }

  private func end(_ lastJob: @escaping @Sendable (CommitWriter) -> Void) {
    guard !core.isClosing.exchange(true, ordering: .acquiringAndReleasing) else {
      thread.join()
      return
    }
    housekeeper.stop()
    housekeeping.join()
    _ = core.queue.perform { writer in
      lastJob(writer)
      writer.core.withdraw()
    }
    core.queue.stop()
    thread.join()
    core.queue.dropWaiting()
    ownerLock.withLock { lock in lock = nil }
  }

  /// Takes the cache out of service, as an administrator would: what waits is made durable, and
  /// from then on reads miss and fills are dropped until the cache is opened again.
  ///
  /// What is on disk stays there.
  package func withdraw() {
    _ = core.queue.perform { writer in
      _ = writer.commitWaiting()
      writer.core.withdraw()
    }
  }

  /// Bytes of a whole block, a power of two.
  package var blockByteCount: Int { core.geometry.blockByteCount }
}

// Objects.
extension CacheStore {
  /// Binds the object called `key`, making it when unknown.
  ///
  /// With other coherency data or another size than before, the object's blocks are dropped: a new
  /// epoch begins, durably, before this returns. When there is no room for another object, or the
  /// store has given up, the result is an object that caches nothing. The object is in the default
  /// volume; ``Volume`` has the others. Keys are of any bytes and any length. Throws
  /// `.badConfiguration` for an empty key or overlong coherency data, `.closed` after ``close()``.
  package func bind(
    key: [UInt8], coherency: [UInt8], byteCount: UInt64
  ) throws(StoreError) -> StoredObject {
    try bind(
      key: key, in: ObjectName.defaultVolume, coherency: coherency, byteCount: byteCount)
  }

  /// Binds an object of a volume; nil for one that the cache has no room for.
  func bind(
    key: [UInt8], in volume: UInt32?, coherency: [UInt8], byteCount: UInt64
  ) throws(StoreError) -> StoredObject {
    guard !key.isEmpty, coherency.count <= ObjectRecord.coherencyByteCountMax else {
      throw StoreError(
        .badConfiguration, path: core.directory,
        message: "an object's name must have 1 byte or more, its coherency data up to "
          + "\(ObjectRecord.coherencyByteCountMax)")
    }
    guard !core.isClosing.load(ordering: .relaxed) else { throw closedError() }
    guard let volume else {
      return StoredObject(store: self, core: core, incarnation: nil, byteCount: byteCount)
    }
    let name = ObjectName(key: key, volume: volume)
    let known = core.objects.bind(name) { incarnation in
      incarnation.coherency == coherency && incarnation.byteCount == byteCount
        && !incarnation.hasLostFill.load(ordering: .relaxed)
    }
    let incarnation =
      known
      ?? core.queue.perform { writer in
        writer.bind(name, coherency: coherency, byteCount: byteCount)
      } ?? nil
    incarnation?.noteUse(at: StoreCore.now)
    return StoredObject(
      store: self, core: core, incarnation: incarnation, byteCount: byteCount)
  }

  /// What is known of an object, whether or not its origin can be reached.
  package func find(key: [UInt8]) -> ObjectDescription? {
    core.objects.current(ObjectName(key: key)).map(describe)
  }

  /// All objects, ordered by volume and the bytes of their keys.
  package func objects() -> [ObjectDescription] {
    objects { _ in true }
  }

  /// All objects with their ``ObjectDescription/standing``; those come first whose blocks go first,
  /// and last those of which none can go.
  package func objectsInCullOrder() -> [ObjectDescription] {
    let standings = core.queue.perform { writer in writer.cullStandings() } ?? [:]
    let described = core.objects.all().map { object in
      var description = describe(object)
      description.standing = standings[object.handle] ?? CullStanding()
      return description
    }
    return described.sorted { one, other in
      one.standing?.blocksAhead ?? .max < other.standing?.blocksAhead ?? .max
    }
  }

  func objects(where isWanted: (Incarnation) -> Bool) -> [ObjectDescription] {
    core.objects.all().filter(isWanted).map(describe)
  }

  private func describe(_ object: Incarnation) -> ObjectDescription {
    let blockCount = object.slotCount.load(ordering: .relaxed)
    var cachedByteCount = UInt64(blockCount) << UInt64(core.geometry.blockSizeBits)
    // Every block is whole but the last of the object.
    if object.byteCount > 0,
      let last = UInt32(exactly: (object.byteCount - 1) >> UInt64(core.geometry.blockSizeBits)),
      let lastByteCount = core.geometry.validByteCount(ofBlock: last, in: object.byteCount),
      core.table.contains(handle: object.handle, block: last)
    {
      cachedByteCount -= min(cachedByteCount, UInt64(blockByteCount - lastByteCount))
    }
    return ObjectDescription(
      key: object.name.key, volumeKey: core.objects.volumeKey(id: object.name.volume),
      coherency: object.coherency, byteCount: object.byteCount,
      cachedByteCount: cachedByteCount, blockCount: blockCount,
      pinnedBlockCount: object.pins.clamped(to: core.geometry.blockCount(of: object.byteCount))
        .reduce(0) { $0 + $1.count },
      lastUse: UInt64(object.lastUse.load(ordering: .relaxed)),
      isBound: object.bindCount.load(ordering: .relaxed) > 0)
  }

  /// Forgets an object and its blocks, durably; false when there is none, or the index refused.
  package func remove(key: [UInt8]) -> Bool {
    core.queue.perform { writer in
      guard let object = writer.core.objects.current(ObjectName(key: key)) else { return false }
      return writer.remove([object])
    } ?? false
  }

  /// Drops an object's blocks, durably, and keeps the object; false as for ``remove(key:)``.
  package func invalidate(key: [UInt8]) -> Bool {
    core.queue.perform { writer in
      guard let object = writer.core.objects.current(ObjectName(key: key)) else { return false }
      return writer.renew(
        object, coherency: object.coherency, byteCount: object.byteCount) != nil
    } ?? false
  }
}

// Pins.
extension CacheStore {
  /// Keeps blocks of an object from culling, from now on and whether they are cached yet or not,
  /// durably.
  ///
  /// Throws `.notFound` when the object is not known, `.noSpace` when more than half of the cache
  /// would be pinned.
  package func pin(key: [UInt8], _ blocks: PinnedBlocks) throws(StoreError) -> PinReport {
    try changePins(of: key) { $0.union(blocks) }
  }

  /// Lets blocks of an object be culled again, durably; throws `.notFound` when it is not known.
  package func unpin(key: [UInt8], _ blocks: PinnedBlocks) throws(StoreError) -> PinReport {
    try changePins(of: key) { $0.subtracting(blocks) }
  }

  private func changePins(
    of key: [UInt8], _ change: @escaping @Sendable (PinnedBlocks) -> PinnedBlocks
  ) throws(StoreError) -> PinReport {
    let outcome = core.queue.perform { writer in
      writer.changePins(of: ObjectName(key: key), change)
    }
    switch outcome {
    case .done(let report): return report
    case .unknownObject:
      throw StoreError(
        .notFound, path: core.directory, message: "the cache in \(core.directory) does not know it")
    case .tooMany(let wanted, let allowed):
      throw StoreError(
        .noSpace, path: core.directory,
        message: "\(wanted) blocks would be pinned in \(core.directory), and \(allowed) can be: "
          + "unpin others or enlarge the cache")
    case .failed(let error):
      throw StoreError(.io, path: core.directory, message: "\(core.directory)/index: \(error)")
    case nil:
      throw closedError()
    }
  }
}

// The whole.
extension CacheStore {
  /// Makes all fills so far durable; throws when some of them had to be dropped just now.
  package func flush() throws(StoreError) {
    try perform { writer in writer.commitWaiting() }
  }

  /// Frees blocks now; see ``CullRequest``.
  ///
  /// Other work goes on between batches of 1024.
  package func cull(_ request: CullRequest) -> CullReport {
    let planned: (victims: [CommitWriter.Victim], freeCount: Int) =
      core.queue.perform { writer in
        _ = writer.commitWaiting()
        writer.maintain()
        return (writer.plan(request), writer.free.count)
      } ?? ([], 0)
    var report = CullReport(
      blockCount: 0, byteCount: 0, freeBlockCount: planned.freeCount, isDryRun: request.isDryRun)
    if request.isDryRun {
      report.blockCount = planned.victims.count
    } else {
      var first = 0
      while first < planned.victims.count {
        let end = min(planned.victims.count, first + CommitWriter.victimCountMax)
        let chunk = planned.victims[first..<end]
        let result = core.queue.perform { writer in (writer.cull(chunk), writer.free.count) }
        guard let (freedCount, freeCount) = result else { break }
        report.blockCount += freedCount
        report.freeBlockCount = freeCount
        first = end
      }
    }
    report.byteCount = UInt64(report.blockCount) << UInt64(core.geometry.blockSizeBits)
    return report
  }

  /// Reads every block back and compares the index with RAM; fills and reads go on meanwhile.
  ///
  /// Blocks that fail are given up in any case; `repair` also mends the index and returns bad slots
  /// to use.
  package func verify(repair: Bool) -> VerifyReport {
    var report = VerifyReport()
    var buffer = AlignedBuffer(byteCount: blockByteCount)
    var next: UInt32 = 0
    while next < core.geometry.slotCount {
      let slots = next..<UInt32(core.geometry.slotCount)
      guard let group = core.queue.perform({ writer in writer.liveBlocks(in: slots) }) else {
        return report
      }
      for block in group.blocks {
        guard let isRight = core.check(block, using: &buffer) else { continue }
        report.checkedBlockCount += 1
        if !isRight { report.failedBlockCount += 1 }
      }
      next = group.next
    }
    if let index = core.queue.perform({ writer in writer.checkIndex(repair: repair) }) {
      report.indexFaults = index.indexFaults
      report.repairedCount = index.repairedCount
    }
    return report
  }

  /// Has the cache read back in the background, `byteRate` bytes a second and once a day; 0 for
  /// not at all, as it is after opening.
  package func setScrubRate(_ byteRate: UInt64) {
    housekeeper.setScrubRate(byteRate)
  }

  /// Saves the order of use for the next opening, as happens every five minutes; nothing when it
  /// has not changed.
  ///
  /// A hint that may be lost: failures are not reported.
  package func saveRecency() {
    housekeeper.saveRecency()
  }

  /// Sets the water marks, durably.
  package func setLimits(_ limits: CullLimits) throws(StoreError) {
    try perform { writer in writer.setLimits(limits) }
  }

  /// Runs `body` on the writer thread and throws what it returns.
  func perform(
    _ body: @escaping @Sendable (CommitWriter) -> StoreError?
  ) throws(StoreError) {
    guard let error = core.queue.perform(body) else { throw closedError() }
    if let error { throw error }
  }

  func closedError() -> StoreError {
    StoreError(.closed, path: core.directory, message: "the cache in \(core.directory) is closed")
  }

  /// The store's state, at a moment between two batches.
  package func status() -> StoreStatus {
    var status = core.queue.perform { writer in writer.status() } ?? core.status()
    status.scrub = housekeeper.scrubStatus
    status.owner = core.isClosing.load(ordering: .relaxed) ? nil : owner
    return status
  }
}
