internal import Linux

/// Recently used blocks in RAM, verified when they came from disk, within a byte budget.
///
/// Invariants: the sum of the resident blocks' sizes never exceeds a shard's share of the budget
/// after a call returns; a block that a caller holds stays valid when it is dropped here.
/// Thread-safe: sharded by block, each shard under a lock of its own. All operations are O(1),
/// but for ``removeAll(of:)``, which is O(resident blocks).
package final class BlockMemory: Sendable {
  /// Which block of which bound object.
  package struct Key: Hashable, Sendable {
    package let object: UInt64
    package let block: UInt32

    package init(object: UInt64, block: UInt32) {
      self.object = object
      self.block = block
    }
  }

  /// A resident block, and whether it is time to tell the disk cache that it is in use.
  package struct Hit {
    package let bytes: [UInt8]
    package let isWorthNoting: Bool
  }

  package let budgetByteCount: Int
  private let shards: [Lock<RecentBlocks>]

  /// Sixteen shards keep eight readers from meeting on one lock most of the time.
  private static let shardCount = 16

  /// What is hot here must not turn cold on disk, but telling it costs more than the hit itself.
  package static let noteInterval: UInt64 = 10_000_000_000

  /// A tier of `budgetByteCount` bytes; with less than a block a shard it keeps nothing.
  ///
  /// A block's hits are worth noting once in `noteInterval` nanoseconds.
  package init(budgetByteCount: Int, noteInterval: UInt64 = noteInterval) {
    self.budgetByteCount = budgetByteCount
    shards = (0..<Self.shardCount).map { _ in
      Lock(
        RecentBlocks(
          budgetByteCount: budgetByteCount / Self.shardCount, noteInterval: noteInterval))
    }
  }

  /// The block when it is resident, which makes it the most recently used.
  package func block(_ key: Key) -> Hit? {
    let now = MonotonicClock.now
    return shard(of: key).withLock { $0.use(key, at: now) }
  }

  /// The block when it is resident, counted neither as a hit nor as a miss.
  package func peek(_ key: Key) -> [UInt8]? {
    shard(of: key).withLock { $0.peek(key) }
  }

  /// Keeps `bytes`, dropping the least recently used blocks to make room.
  package func insert(_ bytes: [UInt8], for key: Key) {
    let now = MonotonicClock.now
    shard(of: key).withLock { $0.insert(bytes, for: key, at: now) }
  }

  /// Drops everything.
  package func removeAll() {
    for shard in shards {
      shard.withLock { $0.removeAll { _ in true } }
    }
  }

  /// Drops every block of `object`.
  package func removeAll(of object: UInt64) {
    for shard in shards {
      shard.withLock { $0.removeAll { $0.object == object } }
    }
  }

  package var statistics: MemoryStatistics {
    var total = MemoryStatistics(budgetByteCount: budgetByteCount)
    for shard in shards {
      shard.withLock { recent in
        total.residentByteCount += recent.residentByteCount
        total.blockCount += recent.blockCount
        total.hits += recent.hits
        total.misses += recent.misses
      }
    }
    return total
  }

  private func shard(of key: Key) -> Lock<RecentBlocks> {
    // Neighbouring blocks land in different shards, as one read touches neighbours.
    shards[Int(truncatingIfNeeded: (key.object &* 31 &+ UInt64(key.block)) & 15)]
  }
}

/// What the RAM tier holds and how often it helped, since the cache was opened.
package struct MemoryStatistics: Sendable {
  package var budgetByteCount: Int
  package var residentByteCount = 0
  package var blockCount = 0
  package var hits: UInt64 = 0
  package var misses: UInt64 = 0
}
