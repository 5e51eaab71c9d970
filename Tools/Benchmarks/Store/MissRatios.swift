internal import BlockStore
internal import Bytes
internal import Foundation
internal import Linux

/// How often the store misses on traces, beside S3-FIFO and plain LRU of as many blocks.
///
/// The store is the real one, with its list, its water marks and its culls in batches, but in memory
/// where there is a filesystem for that. Its water marks keep some slots free, and that counts
/// against it: the others have as many blocks as the store has slots.
struct MissRatios {
  private static let blockByteCount = StoreConfiguration.blockByteCounts.lowerBound
  /// Fills become durable, and room is made, after so many: one writer's batch.
  private static let batchCount = 256

  private let directory: String
  private let image: String

  init(directory: String, image: String) throws {
    self.image = image
    // What is measured is a choice of blocks, not a disk.
    let memory = "/dev/shm"
    guard FileManager.default.isWritableFile(atPath: memory) else {
      self.directory = directory
      return
    }
    let cache = "\(memory)/cullet-\(CurrentProcess.id)"
    // Leads the script around the suite there, should a signal end it.
    try FileManager.default.createSymbolicLink(
      atPath: "\(directory)/memory", withDestinationPath: cache)
    self.directory = cache
  }

  func measure() throws -> [(Series, Double?)] {
    defer { removeCache() }
    var rows: [(Series, Double?)] = []
    for trace in try Trace.all(image: image) {
      note("\(trace.name): \(trace.blocks.count) accesses, cache of \(trace.slotCount) blocks")
      let store = try storeMissRatio(trace)
      let others: [(String, any ReplacementPolicy, Double)] = [
        ("S3-FIFO", SmallMainGhost(capacity: trace.slotCount), 1 / 1.05),
        ("plain LRU", LeastRecentlyUsed(capacity: trace.slotCount), 1),
      ]
      for (name, policy, goal) in others {
        var series = Series("\(trace.name)", unit: .missRatio, otherName: name)
        series.ours = [store]
        series.other = [missRatio(of: policy, on: trace)]
        rows.append((series, goal))
      }
    }
    return rows
  }

  private func missRatio(of policy: any ReplacementPolicy, on trace: Trace) -> Double {
    var policy = policy
    var missCount = 0
    for block in trace.blocks where !policy.use(block) { missCount += 1 }
    return Double(missCount) / Double(trace.blocks.count)
  }

  private func storeMissRatio(_ trace: Trace) throws -> Double {
    defer { removeCache() }
    let store = try CacheStore(
      opening: directory,
      creatingWith: StoreConfiguration(
        capacityByteCount: UInt64(trace.slotCount * Self.blockByteCount),
        blockByteCount: Self.blockByteCount))
    let object = try store.bind(
      key: [UInt8]("trace".utf8), coherency: [1], byteCount: 1 << 45)
    let bytes = [UInt8](repeating: 1, count: Self.blockByteCount)
    var missCount = 0
    for block in trace.blocks {
      if object.contains(block: block) {
        object.noteUse(block: block)
        continue
      }
      missCount += 1
      guard object.fill(block: block, with: bytes.rawSpan) else {
        throw StageError("the store refused a block")
      }
      if missCount % Self.batchCount == 0 { try store.flush() }
    }
    try store.flush()
    let disk = store.status().disk
    guard disk.droppedFills == 0, disk.refusedFills == 0 else {
      throw StageError("the store dropped \(disk.droppedFills + disk.refusedFills) blocks")
    }
    store.close()
    return Double(missCount) / Double(trace.blocks.count)
  }

  private func removeCache() {
    // A failure leaves files in a directory that the caller removes.
    try? FileManager.default.removeItem(atPath: directory)
  }
}
