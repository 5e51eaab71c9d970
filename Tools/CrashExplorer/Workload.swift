internal import BlockStore
internal import Linux
internal import TestSupport

/// Operations on a cache, one after the other on one thread, each announced and acknowledged by
/// marks.
final class Workload {
  /// A fill's number is its operation's times this, plus its place in the run.
  static let fillsPerOperation = 64

  private let directory: String
  private let marks: MarksFile
  private let mayBeEmptied: Bool
  private var generator: SeededGenerator
  private var number: Int
  private var store: CacheStore?
  private var objects: [Int: StoredObject] = [:]
  private var versions: [Int: Int] = [:]
  private var limit = 5
  private var lossCount: UInt64 = 0
  private var isCounted = false

  /// A workload whose operations are numbered from `firstNumber` on.
  ///
  /// Where calls fail, the cache `mayBeEmptied` at an opening.
  init(
    directory: String, marks: MarksFile, seed: UInt64, firstNumber: Int = 1,
    mayBeEmptied: Bool = false
  ) {
    self.directory = directory
    self.mayBeEmptied = mayBeEmptied
    self.marks = marks
    number = firstNumber
    generator = SeededGenerator(seed: seed)
  }

  /// Opens the cache, does `operationCount` operations, and closes it.
  ///
  /// Stops early, without an error, when the cache cannot be opened.
  func run(operationCount: Int) throws {
    try open()
    for _ in 0..<operationCount {
      guard store != nil else { break }
      try perform(Operation.random(using: &generator))
    }
    try notePresence()
    store?.close()
    store = nil
  }

  /// Announces an operation, does it, and says how it went; an error means that it failed.
  private func step(_ effect: Mark.Effect, _ body: (Int) throws -> Bool) throws {
    let number = number
    self.number += 1
    try marks.write(.started(number, effect))
    var succeeded = false
    do {
      succeeded = try body(number)
    } catch {
      // Nothing fails unless it was made to.
      if !mayBeEmptied { throw Violation("operation \(number), \(effect), failed: \(error)") }
    }
    try marks.write(.finished(number, succeeded: succeeded))
  }

  private func open() throws {
    try step(mayBeEmptied ? .doubtfulOpening : .none) { _ in
      store = try CacheStore(trialIn: directory)
      return !(store?.openReport.notes.isEmpty ?? true)
    }
    guard let store else { return }
    guard mayBeEmptied || store.openReport.notes.isEmpty else {
      throw Violation("a cache was begun anew: \(store.openReport.notes)")
    }
    limit = store.status().limits.bcull
    versions = [:]
    for object in TrialCache.objects {
      guard let version = store.version(of: object) else { continue }
      versions[object] = version
      try bind(object, version: version)
    }
    isCounted = false
    try notePresence()
  }

  /// The object, bound; in a first version when it is not in the cache.
  private func object(_ object: Int) throws -> StoredObject? {
    if let bound = objects[object] { return bound }
    try bind(object, version: versions[object] ?? number)
    return objects[object]
  }

  private func bind(_ object: Int, version: Int) throws {
    let isNew = versions[object] != version
    versions[object] = version
    try step(isNew ? .version(object: object, version) : .none) { _ in
      guard let store else { return false }
      objects[object] = try store.bind(object, version: version)
      return store.status().service != .none
    }
  }

  private func perform(_ operation: Operation) throws {
    guard let store else { return }
    switch operation {
    case .renew(let object):
      _ = try self.object(object)
      try bind(object, version: number)
    case .fill(let object, let first, let count):
      guard let bound = try self.object(object) else { return }
      let version = versions[object] ?? 0
      let count = min(count, Int(TrialCache.blockCount(ofVersion: version)) - Int(first))
      guard count > 0 else { return }
      try step(.fill(object: object, block: first, count: count)) { number in
        var isTaken = true
        for index in 0..<count {
          let content = BlockContent(
            object: object, block: first + UInt32(index), version: version,
            fill: number * Self.fillsPerOperation + index)
          isTaken = bound.fill(content) && isTaken
          let file = UInt64(content.block)
          bound.noteFingerprint(
            TrialCache.fingerprint(of: object, version: version, file: file), ofFile: file,
            byteCount: TrialCache.fileByteCount)
        }
        return isTaken
      }
    case .read(let object, let first, let count):
      guard let bound = try self.object(object) else { return }
      for block in first..<min(first + UInt32(count), TrialCache.blocks.upperBound) {
        guard let words = bound.words(ofBlock: block) else { continue }
        guard let content = BlockContent(decoding: words), content.object == object,
          content.block == block, content.version == versions[object]
        else { throw Violation("a read of block \(block) of object \(object) has wrong bytes") }
      }
    case .flush:
      try step(.none) { _ in
        try store.flush()
        return true
      }
      try notePresence()
    case .cull(let count):
      try step(.cull) { _ in
        _ = store.cull(CullRequest(byteCount: UInt64(count * TrialCache.blockByteCount)))
        return true
      }
      try notePresence()
    case .invalidate(let object):
      _ = try self.object(object)
      try step(.invalidation(object: object)) { _ in
        store.invalidate(key: TrialCache.key(of: object)) && store.status().service != .none
      }
      objects[object] = nil
    case .remove(let object):
      guard versions[object] != nil else { return }
      try step(.removal(object: object)) { _ in
        store.remove(key: TrialCache.key(of: object)) && store.status().service != .none
      }
      objects[object] = nil
      versions[object] = nil
    case .limit(let cull):
      try step(.limit(cull: cull)) { _ in
        try store.setLimits(try CullLimits(brun: cull + 2, bcull: cull, bstop: 1))
        return true
      }
    case .pin(let object, let blocks):
      guard versions[object] != nil else { return }
      // More would be refused, which changes nothing.
      guard store.pinnedBlockCount + blocks.count <= store.status().blocks.total / 2 else { return }
      try step(.pin(object: object, blocks)) { _ in
        _ = try store.pin(key: TrialCache.key(of: object), TrialCache.pins(blocks))
        return true
      }
    case .unpin(let object, let blocks):
      guard versions[object] != nil else { return }
      try step(.unpin(object: object, blocks)) { _ in
        _ = try store.unpin(key: TrialCache.key(of: object), TrialCache.pins(blocks))
        return true
      }
    case .resize(let slotCount):
      guard store.pinnedBlockCount <= slotCount / 2 else { return }
      try step(.resize(slotCount: slotCount)) { _ in
        try store.resize(to: TrialCache.capacity(ofSlots: slotCount))
        return true
      }
      try notePresence()
    case .reopen(let cleanly):
      objects = [:]
      if cleanly { store.close() } else { store.abandon() }
      self.store = nil
      try open()
    }
  }

  /// Marks what is on disk at this moment, after whatever waits has been written.
  private func notePresence() throws {
    guard let store else { return }
    var isFlushed = false
    try step(.none) { _ in
      try store.flush()
      isFlushed = true
      return true
    }
    let status = store.status()
    var blocks: [Mark.Block] = []
    for object in TrialCache.objects {
      guard let bound = objects[object] else { continue }
      for block in TrialCache.blocks where bound.contains(block: block) {
        blocks.append(Mark.Block(object: object, block: block))
      }
    }
    let losses =
      status.disk.droppedFills + status.disk.refusedFills + status.disk.writeErrors
      + status.disk.readErrors
    let cullMark = max(
      (status.blocks.total * status.limits.bcull + 99) / 100, status.blocks.total / 32)
    try marks.write(
      .present(
        Mark.Presence(
          isComplete: isFlushed && isCounted && losses == lossCount && status.service != .none,
          culledCount: isCounted ? Int(status.disk.culledBlocks) : nil,
          spareCount: status.blocks.free - cullMark - 8, blocks: blocks)))
    lossCount = losses
    isCounted = true
  }
}

/// Something that must never happen.
struct Violation: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}
