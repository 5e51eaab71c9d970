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
    var isEmptied = false
  }

  /// An opening that takes longer than this is a violation: 1 s and 2 µs a slot, and as much again
  /// for a busy machine.
  static let openingNanosecondsMax: UInt64 = 2_000_000_000

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
    guard findings.openingNanoseconds <= Self.openingNanosecondsMax else {
      throw Violation("opening took \(findings.openingNanoseconds / 1_000_000) ms")
    }
    defer { store.abandon() }
    // The first culling, if one is due, comes before the answer.
    let status = store.status()
    let limit = status.limits.bcull
    var expectation = expectation
    if mayBeEmptied, wasEmptied || findings.isEmptied {
      expectation.required = []
      for object in TrialCache.objects { expectation.versions[object].append(nil) }
    }
    guard expectation.limits.contains(limit) else {
      throw Violation("bcull is \(limit), not any of \(expectation.limits)")
    }
    let found = try readAll(store, expectation)
    findings.hitCount = found.count
    let missing = expectation.required.subtracting(found)
    if missing.count > culledCount + Int(status.disk.culledBlocks),
      let block = missing.min(by: { ($0.object, $0.block) < ($1.object, $1.block) })
    {
      throw Violation(
        "\(missing.count) durable blocks are gone, \(status.disk.culledBlocks) were culled; such as block \(block.block) of object "
          + "\(block.object); the opening noted \(store.openReport.notes)")
    }
    try checkSlots(store, usedCount: found.count)
    if goingOn { try goOn(store) }
    return findings
  }

  /// Reads every block there may be; returns those that are hits.
  private func readAll(
    _ store: CacheStore, _ expectation: CacheModel.Expectation
  ) throws -> Set<Mark.Block> {
    var found: Set<Mark.Block> = []
    for object in TrialCache.objects {
      let version = store.version(of: object)
      guard expectation.versions[object].contains(version) else {
        throw Violation(
          "object \(object) has version \(name(version)), not any of "
            + "\(expectation.versions[object].map(name))")
      }
      guard let version else { continue }
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
    return found
  }

  private func name(_ version: Int?) -> String { version.map { "\($0)" } ?? "none" }

  /// Every slot is accounted for, each block in a slot of its own, and nothing failed its checksum.
  private func checkSlots(_ store: CacheStore, usedCount: Int) throws {
    let status = store.status()
    guard status.disk.checksumFailures == 0 else {
      throw Violation("\(status.disk.checksumFailures) blocks failed their checksums")
    }
    let blocks = status.blocks
    guard blocks.used == usedCount, blocks.bad == 0, blocks.quarantined == 0 else {
      throw Violation("\(usedCount) blocks were found, but the slots are \(blocks)")
    }
    guard blocks.used + blocks.free + blocks.bad + blocks.quarantined == blocks.total,
      blocks.total == TrialCache.slotCount
    else { throw Violation("the slots do not add up: \(blocks)") }
  }

  /// Fills some blocks and finds them again, also after a reopening.
  private func goOn(_ store: CacheStore) throws {
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
    try expect(contents, in: object, culledCount: store.culledCount)
    let report = store.verify(repair: false)
    guard report.isClean else {
      throw Violation("verification after recovery found \(report)")
    }
    let culledCount = store.culledCount
    store.close()
    let reopened = try CacheStore(trialIn: directory)
    defer { reopened.abandon() }
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
