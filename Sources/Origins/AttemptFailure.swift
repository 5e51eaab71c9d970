package import ReadPath

/// Why one attempt of an operation failed, and so whether another may help.
package enum AttemptFailure: Error, Hashable, Sendable {
  /// The origin has spoken; asking again would bring the same.
  case final(OriginError)
  /// Perhaps the next attempt fares better. `retryAfter` is the origin's own wish, nanoseconds.
  case transient(reason: String, retryAfter: UInt64? = nil)
  /// The task was cancelled.
  case cancelled
}
