package import Linux

/// The thread that watches the machine's memory and says how much the tier may hold.
///
/// It looks once a second, more often the less headroom there is, and whenever the kernel tells of
/// pressure. Between looks it allocates nothing, for it has to work when there is nothing to have.
/// Where the machine tells nothing there is no thread, and the target stays at the maximum.
package final class PressureWatcher: Sendable {
  /// What the machine tells, for a line of status.
  package let signals: MemorySignals
  private let shared: WatcherState
  private let thread: Lock<Thread?>

  /// Watches for a tier that holds `use` bytes when asked, and calls `apply` with each new target,
  /// which begins at the budget's maximum.
  ///
  /// Both are called on the watcher's thread; `apply` should return once memory has been given back.
  package init(
    budget: MemoryBudget, signals: MemorySignals = MemorySignals(),
    use: @escaping @Sendable () -> Int, apply: @escaping @Sendable (Int) -> Void
  ) throws(SystemError) {
    self.signals = signals
    let shared = WatcherState(target: budget.target, wakeUp: try EventCounter())
    self.shared = shared
    guard !signals.isEmpty else {
      thread = Lock(nil)
      return
    }
    thread = Lock(
      try Thread(name: "memory-watch") {
        var watch = MemoryWatch(budget: budget, signals: signals, state: shared)
        watch.run(use: use, apply: apply)
      })
  }

  deinit {
    stop()
  }

  /// Ends the thread and waits for it.
  ///
  /// `apply` is not called any more then. Further calls do nothing.
  package func stop() {
    shared.end()
    let running = thread.withLock { thread in thread.take() }
    running?.join()
  }

  /// What it knows and did so far.
  package var status: PressureStatus { shared.status }
}
