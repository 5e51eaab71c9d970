package import Linux

/// Work that may wait, done by one thread in its order, at the lowest priority.
///
/// Bounded: what is added while too much waits is left undone.
package final class WorkQueue: Sendable {
  /// Files that wait to be hashed.
  private static let lengthMax = 4096

  private struct State {
    var work: [@Sendable () -> Void] = []
    var isStopped = false
    var isBusy = false
  }

  private let state = Lock(State())
  private let thread = Lock<Thread?>(nil)

  /// Starts the thread, called `name`.
  package init(name: String) throws(SystemError) {
    let state = state
    let started = try Thread(name: name) {
      Thread.yieldToOthers()
      while let work = Self.next(state) { work() }
    }
    thread.withLock { $0 = started }
  }

  deinit {
    stop()
  }

  /// Ends the thread, after the work that it is at.
  package func stop() {
    // What the work holds on to is let go with the lock free: its end may add work.
    let undone = state.withLock { state in
      state.isStopped = true
      defer { state.work = [] }
      return state.work
    }
    _ = undone
    state.signalAll()
    thread.withLock { $0.take() }?.join()
  }

  /// Adds `work`, unless too much waits.
  package func add(_ work: @escaping @Sendable () -> Void) {
    let isIdle = state.withLock { state in
      guard !state.isStopped, state.work.count < Self.lengthMax else { return false }
      state.work.append(work)
      return state.work.count == 1 && !state.isBusy
    }
    // A thread that is at work looks for more by itself.
    if isIdle { state.signalAll() }
  }

  /// Returns when all that was added is done.
  package func drain() {
    _ = state.wait { $0.isStopped || ($0.work.isEmpty && !$0.isBusy) ? true : nil }
  }

  private static func next(_ state: Lock<State>) -> (@Sendable () -> Void)? {
    state.withLock { $0.isBusy = false }
    state.signalAll()
    return state.wait { state -> (@Sendable () -> Void)?? in
      if state.isStopped { return .some(nil) }
      guard !state.work.isEmpty else { return nil }
      state.isBusy = true
      return state.work.removeFirst()
    } ?? nil
  }
}
