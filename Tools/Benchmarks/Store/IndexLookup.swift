internal import BlockStore
internal import Foundation
internal import Linux
internal import TestSupport

/// What finding one of four million blocks takes, and what a slot costs in memory and on disk.
struct IndexLookup {
  private static let usedCount = 4_000_000
  private static let lookupCount = 2_000_000

  private let populated: PopulatedStore

  init(directory: String) throws {
    populated = try PopulatedStore(in: "\(directory)/cache", usedCount: Self.usedCount)
  }

  func measure(runCount: Int) throws -> [(Series, Double?)] {
    var lookups = Series("index look-up, 4 million slots", unit: .nanoseconds)
    var memory = Series("memory a slot", unit: .bytes)
    var disk = Series("index on disk a slot, records", unit: .bytes)
    var reserved = Series("index on disk a slot, reserved", unit: .bytes)
    // Memory is asked for once: what a second store in this process takes may be what the first
    // one left.
    let before = try Self.anonymousByteCount()
    let store = try populated.open()
    memory.ours.append(
      Double(try Self.anonymousByteCount() - before) / Double(populated.slotCount))
    let object = try PopulatedStore.bind(in: store, usedCount: Self.usedCount)
    var generator = SeededGenerator(seed: 7)
    let blocks = (0..<Self.lookupCount).map { _ in
      UInt32.random(in: 0..<UInt32(Self.usedCount), using: &generator)
    }
    for _ in 0..<runCount {
      var foundCount = 0
      let seconds = timed {
        for block in blocks where object.contains(block: block) { foundCount += 1 }
      }
      guard foundCount == blocks.count else { throw StageError("a block was not found") }
      lookups.ours.append(seconds * 1e9 / Double(blocks.count))
    }
    let index = store.status().index
    disk.ours.append(Double(index.byteCount) / Double(Self.usedCount))
    reserved.ours.append(Double(index.mapByteCount) / Double(populated.slotCount))
    store.close()
    return [(lookups, 250), (memory, 48), (disk, 64), (reserved, nil)]
  }

  /// Memory of this process that belongs to no file; the index is a mapped file.
  private static func anonymousByteCount() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("RssAnon:") }),
      let kibibytes = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first,
      let count = Int(kibibytes)
    else { throw StageError("the kernel does not tell RssAnon") }
    return count << 10
  }
}
