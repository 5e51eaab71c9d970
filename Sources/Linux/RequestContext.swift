internal import Synchronization

/// The request that a thread of the session is working on.
///
/// Invariant: a thread has one request at a time; kernel identities are never zero and never reused
/// while the connection lasts, so a late interrupt cannot hit the next request.
package final class RequestContext: Sendable {
  private static let ofThread = ThreadSlot<RequestContext>()

  private let current = Atomic<UInt64>(0)
  private let interrupted = Atomic<UInt64>(0)

  package init() {}

  /// Whether the caller of the request at hand was signalled and would rather have EINTR than wait.
  ///
  /// Always false on threads that are not a session's. Cheap enough for a loop.
  package static var isInterrupted: Bool {
    guard let context = ofThread.value else { return false }
    let current = context.current.load(ordering: .acquiring)
    return current != 0 && context.interrupted.load(ordering: .acquiring) == current
  }

  /// Runs `body` with this context as the calling thread's.
  package func adopt<Failure: Error>(_ body: () throws(Failure) -> Void) throws(Failure) {
    try Self.ofThread.withValue(self, body)
  }

  /// Notes that the thread begins with the request `unique`.
  package func begin(_ unique: UInt64) {
    current.store(unique, ordering: .releasing)
  }

  /// Notes that the thread is between requests.
  package func end() {
    current.store(0, ordering: .releasing)
  }

  /// Marks the request at hand as interrupted if it is `unique`.
  package func interrupt(_ unique: UInt64) {
    if current.load(ordering: .acquiring) == unique {
      interrupted.store(unique, ordering: .releasing)
    }
  }
}
