internal import Linux

/// Passes messages on, but no more than some in a minute: a broken image can fail a thousand reads
/// a second, and the log lies on somebody's disk.
///
/// Thread-safe.
package final class FoldingLog: Sendable {
  private struct State {
    var windowStart: UInt64 = 0
    var passedCount = 0
    var foldedCount = 0
  }

  private static let windowNanoseconds: UInt64 = 60_000_000_000
  /// Messages passed on in one window.
  private static let countMax = 50

  private let log: @Sendable (String) -> Void
  private let state = Lock(State())

  /// Passes messages on to `log`.
  package init(_ log: @escaping @Sendable (String) -> Void) {
    self.log = log
  }

  package func callAsFunction(_ message: String) {
    let (passes, foldedCount) = state.withLock { state in
      // Looked at with the lock held: a time from before could lie before the window.
      let now = MonotonicClock.now
      var foldedCount = 0
      if now - state.windowStart >= Self.windowNanoseconds {
        foldedCount = state.foldedCount
        state = State(windowStart: now)
      }
      let passes = state.passedCount < Self.countMax
      if passes { state.passedCount += 1 } else { state.foldedCount += 1 }
      return (passes, foldedCount)
    }
    if foldedCount > 0 { log("\(foldedCount) more messages were left out") }
    if passes { log(message) }
  }
}
