import Foundation
import Origins

/// A clock that sleeps advance at once, and that remembers them.
final class ManualClock: @unchecked Sendable {
  private let lock = NSLock()
  private var now: UInt64 = 1_000_000_000
  private var slept: [UInt64] = []

  /// Every sleep so far, in nanoseconds.
  var sleeps: [UInt64] { lock.withLock { slept } }

  func advance(by nanoseconds: UInt64) {
    lock.withLock { now += nanoseconds }
  }

  /// Time from this clock, with the longest delays that chance allows.
  var timer: RetryTimer {
    RetryTimer(
      now: { self.lock.withLock { self.now } },
      sleep: { nanoseconds in
        try Task.checkCancellation()
        self.lock.withLock {
          self.now += nanoseconds
          self.slept.append(nanoseconds)
        }
      },
      jitter: { $0 })
  }
}
