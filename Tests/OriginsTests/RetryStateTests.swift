import Origins
import TestSupport
import Testing

@Suite struct RetryStateTests {
  private static let policy = RetryPolicy(
    attemptCountMax: 5, delayBase: .milliseconds(100), delayMax: .milliseconds(300),
    retryAfterMax: .seconds(2), timeLimit: .seconds(10))

  private static func timer(now: UInt64 = 0) -> RetryTimer {
    RetryTimer(now: { now }, sleep: { _ in }, jitter: { $0 })
  }

  @Test func `the longest delay doubles up to its limit, then the attempts end`() {
    var state = RetryState(Self.policy, timer: Self.timer())
    let delays = (0..<5).map { _ in state.delayAfterFailure().map { $0 / 1_000_000 } }
    #expect(delays == [100, 200, 300, 300, nil])
    #expect(state.failureCount == 5)
  }

  @Test func `delays are drawn from all of the interval`() {
    let timer = RetryTimer(now: { 0 }, sleep: { _ in }, jitter: { _ in 0 })
    var state = RetryState(Self.policy, timer: timer)
    #expect(state.delayAfterFailure() == 0)
    for _ in 0..<1000 { #expect((0...9).contains(RetryTimer.system.jitter(9))) }
  }

  @Test func `the origin's own wish is granted up to a limit`() {
    var state = RetryState(Self.policy, timer: Self.timer())
    #expect(state.delayAfterFailure(retryAfter: 1_000_000_000) == 1_000_000_000)
    #expect(state.delayAfterFailure(retryAfter: 3_600_000_000_000) == 2_000_000_000)
  }

  @Test func `progress renews the attempts`() {
    var state = RetryState(Self.policy, timer: Self.timer())
    for _ in 0..<100 { #expect(state.delayAfterFailure(progressed: true) != nil) }
  }

  @Test func `a wait that would cross the time limit is not begun`() {
    let clock = ManualClock()
    var state = RetryState(Self.policy, timer: clock.timer)
    clock.advance(by: 9_950_000_000)
    #expect(state.delayAfterFailure() == nil)
    var late = RetryState(Self.policy, timer: clock.timer)
    clock.advance(by: 20_000_000_000)
    #expect(late.delayAfterFailure() == nil)
  }

  @Test func `extreme policies do not overflow`() {
    let policy = RetryPolicy(
      attemptCountMax: .max, delayBase: .seconds(Int64.max), delayMax: .seconds(Int64.max),
      retryAfterMax: .seconds(Int64.max), timeLimit: .seconds(Int64.max))
    var state = RetryState(policy, timer: Self.timer(now: .max - 5))
    for _ in 0..<100 { _ = state.delayAfterFailure(retryAfter: .max) }
  }
}
