internal import Linux

/// How often and how long an operation is tried: bounded attempts, bounded time, full jitter.
///
/// The delay before attempt n + 1 is drawn evenly from 0 to `delayBase * 2^(n - 1)`, at most
/// `delayMax`: many clients of one struggling origin spread out instead of returning together.
package struct RetryPolicy: Hashable, Sendable {
  /// Attempts in a row that brought nothing, the first one included.
  package var attemptCountMax: Int
  package var delayBase: Duration
  package var delayMax: Duration
  /// The longest Retry-After that is waited for in full.
  package var retryAfterMax: Duration
  /// From the start of the operation to its last failure; a wait that would cross it is not begun.
  package var timeLimit: Duration

  package init(
    attemptCountMax: Int, delayBase: Duration, delayMax: Duration, retryAfterMax: Duration,
    timeLimit: Duration
  ) {
    self.attemptCountMax = attemptCountMax
    self.delayBase = delayBase
    self.delayMax = delayMax
    self.retryAfterMax = retryAfterMax
    self.timeLimit = timeLimit
  }

  /// For asking which version there is: somebody waits for a mount.
  package static let version = RetryPolicy(
    attemptCountMax: 3, delayBase: .milliseconds(100), delayMax: .seconds(1),
    retryAfterMax: .seconds(2), timeLimit: .seconds(15))

  /// For reading: a process sleeps in read(2), and giving up means EIO for it.
  package static let read = RetryPolicy(
    attemptCountMax: 6, delayBase: .milliseconds(100), delayMax: .seconds(4),
    retryAfterMax: .seconds(10), timeLimit: .seconds(30))

  /// The same policy without second attempts: for an origin that was down a moment ago.
  package var withoutRetries: RetryPolicy {
    var policy = self
    policy.attemptCountMax = 1
    return policy
  }
}

/// Time and chance as the retry loop sees them; tests replace them.
package struct RetryTimer: Sendable {
  /// Monotonic nanoseconds.
  package var now: @Sendable () -> UInt64
  /// Sleeps so many nanoseconds; throws when the task is cancelled.
  package var sleep: @Sendable (UInt64) async throws -> Void
  /// A number from 0 through the given one.
  package var jitter: @Sendable (UInt64) -> UInt64

  package init(
    now: @escaping @Sendable () -> UInt64, sleep: @escaping @Sendable (UInt64) async throws -> Void,
    jitter: @escaping @Sendable (UInt64) -> UInt64
  ) {
    self.now = now
    self.sleep = sleep
    self.jitter = jitter
  }

  package static let system = RetryTimer(
    now: { MonotonicClock.now },
    sleep: { try await Task.sleep(nanoseconds: $0) },
    jitter: { UInt64.random(in: 0...$0) })
}

/// One operation's attempts so far: decides, after each failure, whether and when to go on.
package struct RetryState: Sendable {
  private let policy: RetryPolicy
  private let timer: RetryTimer
  /// When the operation has to be over, on `timer`'s clock.
  package let deadline: UInt64
  /// All failed attempts, for the message at the end.
  package private(set) var failureCount = 0
  private var failuresInARow = 0

  package init(_ policy: RetryPolicy, timer: RetryTimer) {
    self.policy = policy
    self.timer = timer
    deadline = timer.now() &+ policy.timeLimit.wholeNanoseconds
  }

  /// How many nanoseconds to sleep before the next attempt, or nil to give up.
  ///
  /// - Parameters:
  ///   - progressed: whether the attempt brought bytes that need not be asked for again.
  ///   - retryAfter: what the origin asked for, in nanoseconds.
  package mutating func delayAfterFailure(
    progressed: Bool = false, retryAfter: UInt64? = nil
  ) -> UInt64? {
    failureCount += 1
    failuresInARow = progressed ? 1 : failuresInARow + 1
    guard failuresInARow < policy.attemptCountMax else { return nil }
    let doublings = UInt64(min(failuresInARow - 1, 20))
    let (scaled, overflow) = policy.delayBase.wholeNanoseconds
      .multipliedReportingOverflow(by: 1 << doublings)
    let ceiling = min(overflow ? .max : scaled, policy.delayMax.wholeNanoseconds)
    let asked = min(retryAfter ?? 0, policy.retryAfterMax.wholeNanoseconds)
    let delay = max(timer.jitter(ceiling), asked)
    let (end, late) = timer.now().addingReportingOverflow(delay)
    return late || end >= deadline ? nil : delay
  }
}

extension Duration {
  /// Nanoseconds, 0 for negative durations and at most 2^62.
  package var wholeNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow, product < 1 << 62 else { return 1 << 62 }
    return product + UInt64(attoseconds) / 1_000_000_000
  }
}
