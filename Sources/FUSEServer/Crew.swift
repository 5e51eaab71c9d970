internal import Linux
internal import Synchronization

/// The threads of a session: more of them while all are busy, and none left behind at the end.
///
/// A request that waits for the network holds its thread. When every thread has been held for a
/// while, another is added, so that what is at hand in memory does not queue behind what is far. Those
/// end when nobody asks for anything.
final class Crew: Sendable {
  /// How long all threads have to be busy before there is one more; also the time between two
  /// attempts to wake threads that missed the last one on their way into read(2).
  private static let patience: UInt64 = 2_000_000

  /// How long nobody has to ask for anything before what answering took is given back.
  private static let restInterval: UInt64 = 1_000_000_000

  private struct State {
    var threads: [(index: Int, thread: Thread)] = []
    var liveCount = 0
    /// Numbers below that no thread has any more.
    var freeIndices: [Int] = []
    var endIndex = 0
    var isReady = false
    var failure: FUSEError?
  }

  private let countMax: Int
  /// Threads with lower numbers stay to the end.
  private let lastingCount: Int
  private let state = Lock(State())
  private let stopping = Atomic(false)
  /// How many threads wait for a request.
  private let idleCount = Atomic(0)
  /// Set by the last thread to become busy, cleared once that has been looked into.
  private let isExhausted = Atomic(false)
  /// Whether there is memory to give back.
  private let owesMemory = Atomic(false)
  /// Whether threads that are there for a time are to end.
  private let isDismissing = Atomic(false)

  /// No threads yet, at most `countMax` at a time, and `lastingCount` that stay.
  init(countMax: Int, lastingCount: Int) {
    self.countMax = countMax
    self.lastingCount = lastingCount
  }

  var isStopping: Bool { stopping.load(ordering: .acquiring) }

  /// Whether thread `index`, which has nothing to do, is to serve on.
  func keeps(_ index: Int) -> Bool {
    index < lastingCount || !isDismissing.load(ordering: .relaxed)
  }

  /// How many threads there are.
  var threadCount: Int { state.withLock { $0.liveCount } }

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
      let free = state.freeIndices.popLast()
      guard let index = free ?? (state.endIndex < countMax ? state.endIndex : nil) else {
        return nil
      }
      if free == nil { state.endIndex += 1 }
      state.liveCount += 1
      return index
    }
    guard let index else { return false }
    isDismissing.store(false, ordering: .relaxed)
    // What it takes itself is given back when it is dismissed.
    if index >= lastingCount { noteDebt() }
    do throws(SystemError) {
      let thread = try Thread(name: "fuse-\(index)") {
        Thread.acceptInterrupts()
        do throws(FUSEError) {
          try body(index)
        } catch {
          self.fail(error)
        }
        self.end(index)
      }
      state.withLock { $0.threads.append((index, thread)) }
      return true
    } catch {
      state.withLock { state in
        state.liveCount -= 1
        state.freeIndices.append(index)
      }
      return false
    }
  }

  /// Notes that thread `index` is at its end.
  private func end(_ index: Int) {
    let ended = state.withLock { state -> [Thread] in
      state.liveCount -= 1
      // All others are waited for at the end.
      guard index >= lastingCount, !isStopping else { return [] }
      let ended = state.threads.filter { $0.index == index }.map(\.thread)
      state.threads.removeAll { $0.index == index }
      state.freeIndices.append(index)
      return ended
    }
    // Let go with the lock free.
    _ = ended
    state.signalAll()
  }

  /// Has the threads end that are there for a time and wait for a request; one that is on its way into
  /// read(2) stays until the next time.
  func dismissSpares() {
    isDismissing.store(true, ordering: .relaxed)
    for (index, thread) in state.withLock({ $0.threads }) where index >= lastingCount {
      thread.interrupt()
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
  /// After ``noteDebt()`` `onRest` is called every second or so, until it returns false.
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

  /// Notes that something took memory, to be given back later.
  func noteDebt() {
    guard !owesMemory.load(ordering: .relaxed),
      !owesMemory.exchange(true, ordering: .sequentiallyConsistent)
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
      let owedMemory = owesMemory.load(ordering: .sequentiallyConsistent)
      if owedMemory, rest == nil { rest = MonotonicClock.now + Self.restInterval }
      let deadline = isStopping || wasExhausted ? MonotonicClock.now + Self.patience : rest
      let isDone = state.wait(until: deadline) { state -> Bool? in
        if condition(state) { return true }
        let isNews =
          isStopping != self.isStopping
          || !wasExhausted && isExhausted.load(ordering: .sequentiallyConsistent)
          || !owedMemory && owesMemory.load(ordering: .sequentiallyConsistent)
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
        owesMemory.store(false, ordering: .sequentiallyConsistent)
        if onRest() { owesMemory.store(true, ordering: .sequentiallyConsistent) }
      }
    }
  }
}
