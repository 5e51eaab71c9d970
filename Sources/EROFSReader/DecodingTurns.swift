internal import Linux

/// Who decodes what right now, so that threads that want the same data wait for the first of them.
///
/// Nothing is fetched during a turn, so a wait is as short as a decoding. Thread-safe.
final class DecodingTurns: Sendable {
  private let running = Lock(Set<DecodedClusterKey>())

  /// Waits until nobody decodes `key`, and begins the caller's turn.
  func take(_ key: DecodedClusterKey) {
    _ = running.wait { $0.insert(key).inserted ? true : nil }
  }

  /// Ends the caller's turn.
  func end(_ key: DecodedClusterKey) {
    running.withLock { _ = $0.remove(key) }
    running.signalAll()
  }
}
