internal import BlockStore
internal import Linux

/// Opens a cache with the store's own code and holds what it finds against what is expected.
struct Judge {
  let directory: String
  let expectation: CacheModel.Expectation
  /// Whether blocks may fail their checksums: never after a crash alone.
  var allowsDamage = false

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
    let limit = store.status().limits.bcull
    guard expectation.limits.contains(limit) else {
      throw Violation("bcull is \(limit), not any of \(expectation.limits)")
    }
    let found = try readAll(store)
    findings.hitCount = found.count
    let missing = expectation.required.subtracting(found)
    if let block = missing.min(by: { ($0.object, $0.block) < ($1.object, $1.block) }) {
      throw Violation(
        "\(missing.count) durable blocks are gone, such as block \(block.block) of object "
          + "\(block.object); the opening noted \(store.openReport.notes)")
    }
    try checkSlots(store, usedCount: found.count)
    if goingOn { try goOn(store) }
    return findings
  }

  /// Reads every block there may be; returns those that are hits.
  private func readAll(_ store: CacheStore) throws -> Set<Mark.Block> {
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
    guard status.disk.checksumFailures == 0 || allowsDamage else {
      throw Violation("\(status.disk.checksumFailures) blocks failed their checksums")
    }
    let blocks = status.blocks
    guard allowsDamage || blocks.used == usedCount && blocks.bad == 0 && blocks.quarantined == 0
    else {
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
    try expect(contents, in: object)
    let report = store.verify(repair: false)
    guard report.isClean || allowsDamage else {
      throw Violation("verification after recovery found \(report)")
    }
    store.close()
    let reopened = try CacheStore(trialIn: directory)
    defer { reopened.abandon() }
    try expect(contents, in: try reopened.bind(0, version: version))
  }

  private func expect(_ contents: [BlockContent], in object: StoredObject) throws {
    for content in contents {
      guard let words = object.words(ofBlock: content.block),
        BlockContent(decoding: words) == content
      else {
        throw Violation("block \(content.block), filled after recovery, is not there or not right")
      }
    }
  }
}
