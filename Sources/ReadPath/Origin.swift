package import Bytes

/// Where the bytes of one object come from when no cache holds them.
///
/// Implementations are safe to call from any number of tasks at once, never block the thread that
/// they run on, and stop early with ``OriginError/Code/unavailable`` when their task is cancelled.
package protocol Origin: Sendable {
  /// The source in its canonical spelling, without credentials: the object's key in the cache.
  var name: String { get }

  /// Asks the origin which version it serves now, with few and quick attempts.
  func version() async throws(OriginError) -> ObjectVersion

  /// Exactly the bytes in `range` of `version`, which the range must lie within.
  ///
  /// Throws `.changed` when the origin serves another version now; bytes of another version, or
  /// of two, are never returned.
  func read(_ range: ByteRange, of version: ObjectVersion) async throws(OriginError) -> [UInt8]

  /// What the origin has been asked so far.
  var statistics: OriginStatistics { get }
}

/// Counters of one origin since it was opened; each is exact, together they are no snapshot.
package struct OriginStatistics: Hashable, Sendable {
  /// Responses received, redirects and errors among them.
  package var requests: UInt64 = 0
  /// Bytes of response bodies received.
  package var bytes: UInt64 = 0
  /// Attempts beyond the first of their operation.
  package var retries: UInt64 = 0
  /// Operations that failed for good.
  package var failures: UInt64 = 0

  package init() {}
}
