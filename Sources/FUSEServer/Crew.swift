internal import Linux
internal import Synchronization

/// The threads of a session: more of them while all are busy, and none left behind at the end.
///
/// A request that waits for the network holds its thread. When every thread has been held for a
/// while, another is added, so that what is at hand in memory does not queue behind what is far.
final class Crew: Sendable {
  /// How long all threads have to be busy before there is one more; also the time between two
  /// attempts to wake threads that missed the last one on their way into read(2).
  private static let patience: UInt64 = 2_000_000

  /// How long nobody has to ask for anything before what answering took is given back.
  private static let restInterval: UInt64 = 1_000_000_000

  private struct State {
    var threads: [(index: Int, thread: Thread)] = []
    var liveCount = 0
    var startedCount = 0
    var isReady = false
    var failure: FUSEError?
  }

  private let countMax: Int
  private let state = Lock(State())
  private let stopping = Atomic(false)
  /// How many threads wait for a request.
  private let idleCount = Atomic(0)
  /// Set by the last thread to become busy, cleared once that has been looked into.
  private let isExhausted = Atomic(false)
  /// Whether there is memory to give back.
  private let isSwollen = Atomic(false)

  /// No threads yet, and at most `countMax` in the end.
  init(countMax: Int) {
    self.countMax = countMax
  }

  var isStopping: Bool { stopping.load(ordering: .acquiring) }

  /// Makes every thread return after the request that it has.
  func stop() {
    // Under the lock: between a waiter's look and its sleep, the signal would be lost.
    state.withLock { _ in stopping.store(true, ordering: .releasing) }
    state.signalAll()
  }

  /// Adds a thread that runs `body` with its number; false when there are enough, or none to be
  /// had.
  func start(_ body: @escaping @Sendable (Int) throws(FUSEError) -> Void) -> Bool {
    let index = state.withLock { state -> Int? in
      guard state.startedCount < countMax else { return nil }
      state.startedCount += 1
      state.liveCount += 1
      return state.startedCount - 1
    }
    guard let index else { return false }
    do throws(SystemError) {
      let thread = try Thread(name: "fuse-\(index)") {
        Thread.acceptInterrupts()
        do throws(FUSEError) {
          try body(index)
        } catch {
          self.fail(error)
        }
        self.state.withLock { $0.liveCount -= 1 }
        self.state.signalAll()
      }
      state.withLock { $0.threads.append((index, thread)) }
      return true
    } catch {
      state.withLock { $0.liveCount -= 1 }
      return false
    }
  }

  /// Keeps the first failure and stops the others.
  private func fail(_ error: FUSEError) {
    state.withLock { state in
      if state.failure == nil { state.failure = error }
    }
    stop()
  }

  /// Ends ``awaitReadiness()``.
  func becomeReady() {
    state.withLock { $0.isReady = true }
    state.signalAll()
  }

  /// Waits until a thread has called ``becomeReady()``; false when all have ended without.
  func awaitReadiness() -> Bool {
    wait {
      $0.isReady || $0.liveCount == 0
    }
    return state.withLock { $0.isReady }
  }

  /// Waits for all threads, calling `onExhaustion` when they have all been busy for a while; throws
  /// the first failure of one.
  ///
  /// After a large reply `onRest` is called every second or so, until it returns false.
  func awaitEnd(
    onExhaustion: () -> Void = {}, onRest: () -> Bool = { false }
  ) throws(FUSEError) {
    wait({ $0.liveCount == 0 }, onExhaustion: onExhaustion, onRest: onRest)
    let (threads, failure) = state.withLock { state in
      defer { state.threads = [] }
      return (state.threads, state.failure)
    }
    for (_, thread) in threads { thread.join() }
    if let failure { throw failure }
  }

  /// Notes that the calling thread waits for a request.
  func beginWaiting() {
    idleCount.add(1, ordering: .sequentiallyConsistent)
  }

  /// Notes that it has one, or gave up.
  func endWaiting() {
    let left = idleCount.subtract(1, ordering: .sequentiallyConsistent).newValue
    // The exchange lets one thread a time through to the lock.
    guard left == 0, !isExhausted.exchange(true, ordering: .sequentiallyConsistent) else { return }
    state.withLock { _ in }
    state.signalAll()
  }

  /// Notes that a large reply takes memory, to be given back later.
  func noteLargeReply() {
    guard !isSwollen.load(ordering: .relaxed),
      !isSwollen.exchange(true, ordering: .sequentiallyConsistent)
    else { return }
    state.withLock { _ in }
    state.signalAll()
  }

  private func wait(
    _ condition: (State) -> Bool, onExhaustion: () -> Void = {}, onRest: () -> Bool = { false }
  ) {
    // When `onRest` is called next.
    var rest: UInt64?
    while true {
      let isStopping = self.isStopping
      let wasExhausted = isExhausted.load(ordering: .sequentiallyConsistent)
      let wasSwollen = isSwollen.load(ordering: .sequentiallyConsistent)
      if wasSwollen, rest == nil { rest = MonotonicClock.now + Self.restInterval }
      let deadline = isStopping || wasExhausted ? MonotonicClock.now + Self.patience : rest
      let isDone = state.wait(until: deadline) { state -> Bool? in
        if condition(state) { return true }
        let isNews =
          isStopping != self.isStopping
          || !wasExhausted && isExhausted.load(ordering: .sequentiallyConsistent)
          || !wasSwollen && isSwollen.load(ordering: .sequentiallyConsistent)
        return isNews ? false : nil
      }
      if isDone == true { return }
      if isStopping {
        for (_, thread) in state.withLock({ $0.threads }) { thread.interrupt() }
      } else if wasExhausted, isDone == nil {
        // First cleared, then looked: whoever becomes busy in between says so again.
        isExhausted.store(false, ordering: .sequentiallyConsistent)
        if idleCount.load(ordering: .sequentiallyConsistent) == 0 { onExhaustion() }
      }
      if !isStopping, let due = rest, due <= MonotonicClock.now {
        rest = nil
        // First cleared, then looked, as above.
        isSwollen.store(false, ordering: .sequentiallyConsistent)
        if onRest() { isSwollen.store(true, ordering: .sequentiallyConsistent) }
      }
    }
  }
}
