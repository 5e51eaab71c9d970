internal import BlockStore
internal import Linux

/// Opens a cache with the store's own code and holds what it finds against what is expected.
struct Judge {
  let directory: String
  let expectation: CacheModel.Expectation
  /// Whether the cache may have been begun anew: after an error in its index, not after a crash.
  var mayBeEmptied = false
  /// Blocks that an earlier opening after the crash has culled, to make room.
  var culledCount = 0
  /// Whether an earlier opening has begun the cache anew.
  var wasEmptied = false

  /// What a judgement saw, for the summary.
  struct Findings {
    var openingNanoseconds: UInt64 = 0
    var hitCount = 0
    /// Files that were remembered.
    var fingerprintCount = 0
    /// Pinned blocks that a cull of everything has left.
    var keptCount = 0
    var isEmptied = false
  }

  /// An opening that takes longer than this is a violation: 1 s and 2 µs a slot, and as much again
  /// for a busy machine.
  var openingNanosecondsMax: UInt64 = 2_000_000_000

  /// Throws a ``Violation`` for the first thing that is not as promised.
  ///
  /// With `goingOn`, uses the cache after that, reopens it and looks again.
  func judge(goingOn: Bool) throws -> Findings {
    var findings = Findings()
    let start = MonotonicClock.now
    let store: CacheStore
    do {
      store = try CacheStore(trialIn: directory)
    } catch {
      throw Violation("the cache does not open: \(error)")
    }
    findings.openingNanoseconds = MonotonicClock.now - start
    findings.isEmptied = !store.openReport.notes.isEmpty
    guard findings.openingNanoseconds <= openingNanosecondsMax else {
      throw Violation("opening took \(findings.openingNanoseconds / 1_000_000) ms")
    }
    defer { store.abandon() }
    // The first culling, if one is due, comes before the answer.
    let status = store.status()
    let limit = status.limits.bcull
    var expectation = expectation
    if mayBeEmptied, wasEmptied || findings.isEmptied {
      expectation.required = []
      for object in TrialCache.objects {
        expectation.states[object].append(ObjectState(version: nil))
      }
    }
    guard expectation.limits.contains(limit) else {
      throw Violation("bcull is \(limit), not any of \(expectation.limits)")
    }
    let (found, states) = try readAll(store, expectation)
    findings.hitCount = found.count
    findings.fingerprintCount = try checkFingerprints(store)
    let missing = expectation.required.subtracting(found)
    if let block = missing.intersection(expectation.pinned).first {
      throw Violation("block \(block.block) of object \(block.object) is gone, for all its pin")
    }
    if missing.count > culledCount + Int(status.disk.culledBlocks),
      let block = missing.min(by: { ($0.object, $0.block) < ($1.object, $1.block) })
    {
      throw Violation(
        "\(missing.count) durable blocks are gone, \(status.disk.culledBlocks) were culled; such as "
          + "block \(block.block) of object \(block.object); the opening noted "
          + "\(store.openReport.notes)")
    }
    try checkSlots(store, usedCount: found.count, expectation.slotCounts)
    if goingOn {
      findings.keptCount = try cullAll(store, found, states)
      try goOn(store)
    }
    return findings
  }

  /// Reads every block there may be; returns those that are hits, and what each object may be.
  private func readAll(
    _ store: CacheStore, _ expectation: CacheModel.Expectation
  ) throws -> (found: Set<Mark.Block>, states: [[ObjectState]]) {
    var found: Set<Mark.Block> = []
    var states: [[ObjectState]] = []
    for object in TrialCache.objects {
      let description = store.find(key: TrialCache.key(of: object))
      let version = store.version(of: object)
      states.append(
        expectation.states[object].filter { state in
          state.version == version && state.pinned.count == description?.pinnedBlockCount ?? 0
        })
      guard !states[object].isEmpty else {
        throw Violation(
          "object \(object) has version \(name(version)) and \(description?.pinnedBlockCount ?? 0) "
            + "pinned blocks, which is not any of \(expectation.states[object])")
      }
      guard let version else { continue }
      guard description?.byteCount == TrialCache.byteCount(of: object, version: version) else {
        throw Violation("object \(object) has the size of another version")
      }
      let bound = try store.bind(object, version: version)
      for index in TrialCache.blocks {
        guard let words = bound.words(ofBlock: index) else { continue }
        let block = Mark.Block(object: object, block: index)
        guard let content = BlockContent(decoding: words), content.object == object,
          content.block == index, content.version == version
        else {
          throw Violation("block \(index) of object \(object) has bytes that were never filled")
        }
        let floor = max(expectation.objectFloors[object], expectation.blockFloors[block] ?? 0)
        guard floor <= content.fill, content.fill < expectation.fillLimit else {
          throw Violation(
            "block \(index) of object \(object) is of fill \(content.fill), not of "
              + "\(floor) to \(expectation.fillLimit)")
        }
        found.insert(block)
      }
    }
    return (found, states)
  }

  /// Nothing is remembered of a file but what was noted in the version that the object has now;
  /// returns how much that is.
  private func checkFingerprints(_ store: CacheStore) throws -> Int {
    var count = 0
    for object in TrialCache.objects {
      guard let version = store.version(of: object) else { continue }
      let known = try store.bind(object, version: version).fingerprints()
      count += known.count
      for file in TrialCache.blocks.map(UInt64.init) {
        guard let digest = known.digest(ofFile: file, byteCount: TrialCache.fileByteCount) else {
          continue
        }
        guard digest == TrialCache.fingerprint(of: object, version: version, file: file) else {
          throw Violation("file \(file) of object \(object) is remembered as another one")
        }
      }
    }
    return count
  }

  private func name(_ version: Int?) -> String { version.map { "\($0)" } ?? "none" }

  /// Every slot is accounted for, each block in a slot of its own, and nothing failed its checksum.
  private func checkSlots(
    _ store: CacheStore, usedCount: Int, _ slotCounts: [Int]
  ) throws {
    let status = store.status()
    guard status.disk.checksumFailures == 0 else {
      throw Violation("\(status.disk.checksumFailures) blocks failed their checksums")
    }
    let blocks = status.blocks
    guard blocks.used == usedCount, blocks.bad == 0, blocks.quarantined == 0 else {
      throw Violation("\(usedCount) blocks were found, but the slots are \(blocks)")
    }
    guard blocks.used + blocks.free + blocks.bad + blocks.quarantined == blocks.total,
      slotCounts.contains(blocks.total)
    else { throw Violation("the slots are \(blocks), of \(slotCounts) in all") }
  }

  /// Culls all that may be culled; returns how many of the blocks `found` are left, which must be
  /// those that are pinned.
  private func cullAll(
    _ store: CacheStore, _ found: Set<Mark.Block>, _ states: [[ObjectState]]
  ) throws -> Int {
    _ = store.cull(CullRequest(targetFreePercent: 100))
    var keptCount = 0
    for block in found {
      let states = states[block.object]
      guard let version = states[0].version else { continue }
      let isThere =
        try store.bind(block.object, version: version).words(ofBlock: block.block) != nil
      guard states.contains(where: { $0.pinned.contains(block.block) == isThere }) else {
        throw Violation(
          "block \(block.block) of object \(block.object) was "
            + (isThere ? "not culled, without a pin" : "culled, for all its pin"))
      }
      if isThere { keptCount += 1 }
    }
    return keptCount
  }

  /// Fills some blocks and finds them again, also in a larger cache and after a reopening.
  private func goOn(_ store: CacheStore) throws {
    let slotCount = store.status().blocks.total + 16
    let culledBefore = store.culledCount
    let version = expectation.fillLimit + 1
    let object = try store.bind(0, version: version)
    let contents = TrialCache.blocks.prefix(10).map { block in
      BlockContent(
        object: 0, block: block, version: version, fill: expectation.fillLimit + Int(block))
    }
    for content in contents where !object.fill(content) {
      throw Violation("a fill was refused after recovery")
    }
    try store.flush()
    try expect(contents, in: object, culledCount: store.culledCount - culledBefore)
    try store.resize(to: TrialCache.capacity(ofSlots: slotCount))
    let report = store.verify(repair: false)
    guard report.isClean else {
      throw Violation("verification after recovery found \(report)")
    }
    let culledCount = store.culledCount - culledBefore
    store.close()
    let reopened = try CacheStore(trialIn: directory)
    defer { reopened.abandon() }
    guard reopened.status().blocks.total == slotCount else {
      throw Violation("the cache grew to \(slotCount) slots, and has \(reopened.status().blocks)")
    }
    try expect(
      contents, in: try reopened.bind(0, version: version),
      culledCount: culledCount + reopened.culledCount)
  }

  private func expect(
    _ contents: [BlockContent], in object: StoredObject, culledCount: Int
  ) throws {
    var missingCount = 0
    for content in contents {
      guard let words = object.words(ofBlock: content.block) else {
        missingCount += 1
        continue
      }
      guard BlockContent(decoding: words) == content else {
        throw Violation("block \(content.block), filled after recovery, has wrong bytes")
      }
    }
    guard missingCount <= culledCount else {
      throw Violation("\(missingCount) blocks filled after recovery are gone")
    }
  }
}

extension CacheStore {
  fileprivate var culledCount: Int { Int(status().disk.culledBlocks) }
}
