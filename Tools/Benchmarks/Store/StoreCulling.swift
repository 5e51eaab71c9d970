internal import BlockStore
internal import Bytes
internal import Linux
internal import Synchronization
internal import TestSupport

/// Freeing half of a million slots, and what a reader of hot blocks feels of it.
struct StoreCulling {
  private static let usedCount = 1_000_000
  private static let culledCount = 500_000
  private static let hotCount: UInt32 = 1024
  private static let quietSeconds: UInt64 = 2

  private let populated: PopulatedStore

  init(directory: String) throws {
    populated = try PopulatedStore(in: "\(directory)/cache", usedCount: Self.usedCount)
  }

  func measure(runCount: Int) throws -> [(Series, Double?)] {
    var rate = Series("cull half of 1 million slots", unit: .slotsPerSecond)
    var flushes = Series("flushes of that cull", unit: .flushes)
    var latency = Series(
      "hit during that cull, 99th percentile", unit: .microseconds, otherName: "the same, quiet")
    for run in 0..<runCount {
      if run > 0 { try populated.populate() }
      let store = try populated.open()
      let hot = try fillHotObject(in: store)
      latency.other.append(
        try percentile(
          of: hot,
          until: {
            [end = MonotonicClock.now + Self.quietSeconds * 1_000_000_000]
            in MonotonicClock.now >= end
          }))
      let before = store.status().disk
      let isDone = Flag()
      let during = Lock<Result<Double, any Error>?>(nil)
      let reader = try Thread(name: "reader") { [self] in
        let result = Result { try percentile(of: hot, until: { isDone.isSet }) }
        during.withLock { $0 = result }
      }
      var culledCount = 0
      let seconds = timed {
        let report = store.cull(
          CullRequest(byteCount: UInt64(Self.culledCount * FilledStore.blockByteCount)))
        isDone.set()
        culledCount = report.blockCount
      }
      reader.join()
      guard culledCount == Self.culledCount else {
        throw StageError("the cull freed \(culledCount) blocks, not \(Self.culledCount)")
      }
      if let result = during.withLock({ $0 }) { latency.ours.append(try result.get()) }
      let disk = store.status().disk
      rate.ours.append(Double(Self.culledCount) / seconds)
      flushes.ours.append(
        Double(2 * (disk.commits - before.commits) + disk.dataSyncs - before.dataSyncs))
      store.close()
    }
    return [(rate, 40_000), (flushes, 2000), (latency, 1.0 / 3)]
  }

  private func fillHotObject(in store: CacheStore) throws -> StoredObject {
    let object = try store.bind(
      key: [UInt8]("hot".utf8), coherency: [1],
      byteCount: UInt64(Self.hotCount) * UInt64(FilledStore.blockByteCount))
    var generator = SeededGenerator(seed: 8)
    let bytes = generator.bytes(count: FilledStore.blockByteCount)
    for block in 0..<Self.hotCount {
      while !object.fill(block: block, with: bytes.rawSpan) { try store.flush() }
    }
    try store.flush()
    return object
  }

  /// The 99th percentile, in microseconds, of hits one after the other until `isOver`.
  private func percentile(of object: StoredObject, until isOver: () -> Bool) throws -> Double {
    var latencies: [UInt64] = []
    var generator = SeededGenerator(seed: 9)
    var buffer = AlignedBuffer(byteCount: FilledStore.blockByteCount)
    while !isOver() {
      let block = UInt32.random(in: 0..<Self.hotCount, using: &generator)
      var bytes = buffer.mutableBytes
      let start = MonotonicClock.now
      let outcome = object.read(block: block, into: &bytes)
      latencies.append(MonotonicClock.now - start)
      guard outcome == .hit(validByteCount: bytes.byteCount) else {
        throw StageError("a hot block was missed")
      }
    }
    guard !latencies.isEmpty else { throw StageError("the cull was over too soon") }
    latencies.sort()
    return Double(latencies[latencies.count * 99 / 100]) / 1000
  }
}

/// Set once, seen by all.
private final class Flag: Sendable {
  private let value = Atomic(false)

  var isSet: Bool { value.load(ordering: .acquiring) }

  func set() { value.store(true, ordering: .releasing) }
}
