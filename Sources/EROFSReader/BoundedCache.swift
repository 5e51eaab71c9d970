internal import Linux

/// A map that forgets what was not used lately once its values cost more than a limit.
///
/// Keys are spread over shards with a lock each, so threads seldom meet. A value that costs more
/// than a shard may hold displaces everything else in it: the next reader may want it again.
package final class BoundedCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private let shards: [Lock<Shard>]

  /// A cache for values that cost `costLimit` in all; `shardCount` is a power of two.
  package init(costLimit: Int, shardCount: Int) {
    precondition(shardCount > 0 && shardCount & (shardCount - 1) == 0, "shards by powers of two")
    shards = (0..<shardCount).map { _ in Lock(Shard(costLimit: costLimit / shardCount)) }
  }

  /// The value kept for `key`, which counts as a use of it.
  package func value(for key: Key) -> Value? {
    let hash = key.hashValue
    return shard(of: hash).withLock { $0.use(key, hash) }
  }

  /// Keeps `value` for `key` in place of any other, and forgets others to make room.
  package func insert(_ value: Value, for key: Key, cost: Int) {
    let hash = key.hashValue
    // The displaced values are freed by the caller, not while the lock is held.
    let displaced = shard(of: hash).withLock { $0.insert(value, for: key, hash, cost: cost) }
    _ = displaced
  }

  /// Forgets everything.
  package func removeAll() {
    for shard in shards {
      let removed = shard.withLock { shard in
        defer { shard = Shard(costLimit: shard.costLimit) }
        return shard
      }
      _ = removed
    }
  }

  /// What all values kept cost.
  var cost: Int { shards.reduce(0) { $0 + $1.withLock { $0.cost } } }

  private func shard(of hash: Int) -> Lock<Shard> {
    // Not the bits that choose a chain in the shard.
    shards[(hash >> 40) & (shards.count - 1)]
  }

  /// A hash table of chains through `nodes`, around which a hand goes to find what to forget.
  ///
  /// A look-up touches a bucket and a node and moves nothing: with thousands of values, each piece
  /// of memory touched is one that the processor has to wait for.
  private struct Shard: Sendable {
    struct Node: Sendable {
      var key: Key
      /// Nil when the node is vacant.
      var value: Value?
      var cost: Int
      /// The next one in the chain, or the next vacant one.
      var next: Int32
      /// Whether it was used since the hand came by.
      var isUsed = false
    }

    private static var none: Int32 { -1 }

    let costLimit: Int
    private(set) var cost = 0
    /// The first node of each chain; as many as a power of two.
    private var buckets = [Int32](repeating: Shard.none, count: 16)
    private var nodes: [Node] = []
    private var vacant = Shard.none
    private var hand = 0
    private var count = 0

    init(costLimit: Int) {
      self.costLimit = costLimit
    }

    mutating func use(_ key: Key, _ hash: Int) -> Value? {
      let place = find(key, hash)
      guard place != Shard.none else { return nil }
      if !nodes[Int(place)].isUsed { nodes[Int(place)].isUsed = true }
      return nodes[Int(place)].value
    }

    mutating func insert(_ value: Value, for key: Key, _ hash: Int, cost: Int) -> [Value] {
      var displaced: [Value] = []
      let known = find(key, hash)
      if known != Shard.none { remove(known, into: &displaced) }
      while self.cost + cost > costLimit, count > 0 { forgetOne(into: &displaced) }
      if count == buckets.count { grow() }
      let bucket = hash & (buckets.count - 1)
      let node = Node(key: key, value: value, cost: cost, next: buckets[bucket])
      if vacant == Shard.none {
        nodes.append(node)
        buckets[bucket] = Int32(nodes.count - 1)
      } else {
        buckets[bucket] = vacant
        let place = Int(vacant)
        vacant = nodes[place].next
        nodes[place] = node
      }
      count += 1
      self.cost += cost
      return displaced
    }

    private func find(_ key: Key, _ hash: Int) -> Int32 {
      var place = buckets[hash & (buckets.count - 1)]
      while place != Shard.none, nodes[Int(place)].key != key { place = nodes[Int(place)].next }
      return place
    }

    /// Moves the hand on to a value that was not used since it came by, and removes that.
    private mutating func forgetOne(into displaced: inout [Value]) {
      while true {
        hand = hand + 1 < nodes.count ? hand + 1 : 0
        guard nodes[hand].value != nil else { continue }
        guard nodes[hand].isUsed else { return remove(Int32(hand), into: &displaced) }
        nodes[hand].isUsed = false
      }
    }

    private mutating func remove(_ place: Int32, into displaced: inout [Value]) {
      let node = nodes[Int(place)]
      if let value = node.value { displaced.append(value) }
      let bucket = node.key.hashValue & (buckets.count - 1)
      if buckets[bucket] == place {
        buckets[bucket] = node.next
      } else {
        var before = Int(buckets[bucket])
        while nodes[before].next != place { before = Int(nodes[before].next) }
        nodes[before].next = node.next
      }
      nodes[Int(place)].value = nil
      nodes[Int(place)].next = vacant
      vacant = place
      cost -= node.cost
      count -= 1
    }

    /// Doubles the buckets, so that chains stay short.
    private mutating func grow() {
      buckets = [Int32](repeating: Shard.none, count: buckets.count * 2)
      for place in nodes.indices where nodes[place].value != nil {
        let bucket = nodes[place].key.hashValue & (buckets.count - 1)
        nodes[place].next = buckets[bucket]
        buckets[bucket] = Int32(place)
      }
    }
  }
}
