internal import Linux

/// A map that forgets what was used longest ago once its values cost more than a limit.
///
/// Keys are spread over shards with a lock each, so threads seldom meet. A value that costs more
/// than a shard may hold displaces everything else in it: the next reader may want it again.
final class BoundedCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private let shards: [Lock<Shard>]

  /// A cache for values that cost `costLimit` in all; `shardCount` is a power of two.
  init(costLimit: Int, shardCount: Int) {
    precondition(shardCount > 0 && shardCount & (shardCount - 1) == 0, "shards by powers of two")
    shards = (0..<shardCount).map { _ in Lock(Shard(costLimit: costLimit / shardCount)) }
  }

  /// The value kept for `key`, which counts as a use of it.
  func value(for key: Key) -> Value? {
    shard(of: key).withLock { $0.use(key) }
  }

  /// Keeps `value` for `key` in place of any other, and forgets others to make room.
  func insert(_ value: Value, for key: Key, cost: Int) {
    // The displaced values are freed by the caller, not while the lock is held.
    let displaced = shard(of: key).withLock { $0.insert(value, for: key, cost: cost) }
    _ = displaced
  }

  /// What all values kept cost.
  var cost: Int { shards.reduce(0) { $0 + $1.withLock { $0.cost } } }

  private func shard(of key: Key) -> Lock<Shard> {
    if shards.count == 1 { return shards[0] }
    return shards[key.hashValue & (shards.count - 1)]
  }

  /// A dictionary into a doubly linked list, by indexes into `nodes`; the list starts with the
  /// value used last.
  private struct Shard: Sendable {
    struct Node: Sendable {
      var key: Key
      var value: Value
      var cost: Int
      var newer: Int
      var older: Int
    }

    private static var none: Int { -1 }

    let costLimit: Int
    private(set) var cost = 0
    private var places: [Key: Int] = [:]
    private var nodes: [Node] = []
    private var newest = Shard.none
    private var oldest = Shard.none

    init(costLimit: Int) {
      self.costLimit = costLimit
    }

    mutating func use(_ key: Key) -> Value? {
      guard let place = places[key] else { return nil }
      if newest != place {
        unlink(place)
        linkAsNewest(place)
      }
      return nodes[place].value
    }

    mutating func insert(_ value: Value, for key: Key, cost: Int) -> [Value] {
      var displaced: [Value] = []
      if let place = places[key] { displaced.append(remove(place)) }
      while self.cost + cost > costLimit, oldest != Shard.none {
        displaced.append(remove(oldest))
      }
      nodes.append(
        Node(key: key, value: value, cost: cost, newer: Shard.none, older: Shard.none))
      places[key] = nodes.count - 1
      linkAsNewest(nodes.count - 1)
      self.cost += cost
      return displaced
    }

    /// Takes the node at `place` out; the last node moves there, so that `nodes` has no gaps.
    private mutating func remove(_ place: Int) -> Value {
      unlink(place)
      let last = nodes.count - 1
      if place != last {
        nodes.swapAt(place, last)
        places[nodes[place].key] = place
        relink(place)
      }
      let node = nodes.removeLast()
      places[node.key] = nil
      cost -= node.cost
      return node.value
    }

    private mutating func linkAsNewest(_ place: Int) {
      nodes[place].newer = Shard.none
      nodes[place].older = newest
      if newest != Shard.none { nodes[newest].newer = place } else { oldest = place }
      newest = place
    }

    private mutating func unlink(_ place: Int) {
      let (newer, older) = (nodes[place].newer, nodes[place].older)
      if newer != Shard.none { nodes[newer].older = older } else { newest = older }
      if older != Shard.none { nodes[older].newer = newer } else { oldest = newer }
    }

    /// Points the neighbours of the node that moved to `place` at it.
    private mutating func relink(_ place: Int) {
      let (newer, older) = (nodes[place].newer, nodes[place].older)
      if newer != Shard.none { nodes[newer].older = place } else { newest = place }
      if older != Shard.none { nodes[older].newer = place } else { oldest = place }
    }
  }
}
