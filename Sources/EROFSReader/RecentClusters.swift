internal import Linux

/// What was decoded just now of extents that were read in part, and who decodes what right now.
///
/// A few buffers that are used again and again stay in the processor's caches, as new memory for
/// each read would not. Threads that want the same data wait for the first of them; nothing is
/// fetched meanwhile, so a wait is as short as a decoding. Thread-safe.
final class RecentClusters: Sendable {
  /// What the thread does whose turn it is.
  enum Turn {
    /// It takes this, which is enough, and has no turn to end.
    case known(DecodedCluster)
    /// It decodes what nobody wanted in a long time.
    case first
    /// It decodes what was decoded before, as it was wanted again or more of it.
    case again
  }

  /// The most decoded bytes of an extent that are kept here.
  static let byteCountLimit = 256 << 10
  private static let keptCountLimit = 8
  /// Of how many extents it is known that they were read in part; a power of two.
  ///
  /// Others that fall into the same place displace them, which costs a decoding.
  private static let rememberedCount = 4096

  private struct State {
    var running: [DecodedClusterKey] = []
    /// The newest last.
    var kept: [(key: DecodedClusterKey, cluster: DecodedCluster)] = []
    /// Where the stored forms of those extents start, by the numbers of their blocks.
    var remembered: [UInt64] = []

    func value(for key: DecodedClusterKey, byteCount: Int) -> DecodedCluster? {
      for (keptKey, cluster) in kept.reversed() where keptKey == key {
        if cluster.byteCount >= byteCount { return cluster }
      }
      return nil
    }
  }

  private let state = Lock(State())

  /// What is kept here of the extent `key`, if that are `byteCount` bytes or more.
  func value(for key: DecodedClusterKey, byteCount: Int) -> DecodedCluster? {
    state.withLock { $0.value(for: key, byteCount: byteCount) }
  }

  /// Waits until nobody decodes `key`, and begins the caller's turn if `byteCount` bytes of it are
  /// not kept here by then.
  func beginTurn(for key: DecodedClusterKey, byteCount: Int) -> Turn {
    let place = Int(truncatingIfNeeded: key.storedOffset >> 12) & (Self.rememberedCount - 1)
    return state.wait { state in
      if state.running.contains(key) { return nil }
      if let known = state.value(for: key, byteCount: byteCount) { return .known(known) }
      state.running.append(key)
      if state.remembered.isEmpty {
        state.remembered = [UInt64](repeating: .max, count: Self.rememberedCount)
      }
      if state.remembered[place] == key.storedOffset { return .again }
      state.remembered[place] = key.storedOffset
      return .first
    } ?? .again
  }

  /// Ends the caller's turn; keeps `cluster`, which ``take()`` gave and nobody changes any more.
  func endTurn(for key: DecodedClusterKey, keeping cluster: DecodedCluster?) {
    state.withLock { state in
      if let cluster { state.kept.append((key, cluster)) }
      if let position = state.running.firstIndex(of: key) {
        state.running.swapAt(position, state.running.count - 1)
        state.running.removeLast()
      }
    }
    state.signalAll()
  }

  /// Keeps nothing any more; whoever decodes goes on.
  func removeAll() {
    let kept = state.withLock { state in
      defer { state.kept = [] }
      return state.kept
    }
    _ = kept
  }

  /// A cluster of ``byteCountLimit`` bytes with arbitrary content, to be filled by the caller.
  func take() -> DecodedCluster {
    let oldest: DecodedCluster? = state.withLock { state in
      guard state.kept.count >= Self.keptCountLimit else { return nil }
      var oldest = state.kept.removeFirst().cluster
      // Somebody may copy from it still.
      return isKnownUniquelyReferenced(&oldest) ? oldest : nil
    }
    return oldest ?? DecodedCluster(capacity: Self.byteCountLimit)
  }
}
