internal import Linux

/// What the thread of a ``PressureWatcher`` does, and what it needs for that, all of it made before.
struct MemoryWatch: ~Copyable {
  private var budget: MemoryBudget
  private let signals: MemorySignals
  private let state: WatcherState
  private var buffer = AlignedBuffer(byteCount: KernelFile.bufferByteCount)
  private var waiting = PollSet()
  private var sourceIndices: [Int] = []
  private var eventsIndex: Int?
  private var eventCounts: CgroupEventCounts?
  /// Until when pressure counts as recent, in monotonic nanoseconds.
  private var alertEnd: UInt64 = 0

  init(budget: MemoryBudget, signals: MemorySignals, state: WatcherState) {
    self.budget = budget
    self.signals = signals
    self.state = state
    _ = waiting.add(state.wakeUp.descriptor, .readable)
    for source in signals.sources {
      sourceIndices.append(waiting.add(source.trigger.descriptor, source.trigger.interest))
    }
    eventsIndex = signals.cgroup?.addEvents(to: &waiting)
    eventCounts = signals.cgroup?.eventCounts(&buffer)
  }

  /// Returns after ``WatcherState/end()``.
  mutating func run(use: () -> Int, apply: (Int) -> Void) {
    var wait = 0
    while true {
      do throws(Errno) {
        try waiting.wait(milliseconds: wait)
      } catch {
        // Without waiting for descriptors there is still looking now and then.
        Thread.sleep(milliseconds: wait)
      }
      if state.isEnding { return }
      wait = look(use: use, apply: apply)
    }
  }

  /// Looks at everything once; returns how long to wait for the next look, in milliseconds.
  private mutating func look(use: () -> Int, apply: (Int) -> Void) -> Int {
    let pressure = reportedPressure()
    let headroom = signals.headroom(&buffer)
    let now = MonotonicClock.now
    if pressure != nil { alertEnd = now + Self.alertDuration }
    let former = budget.target
    let held = use()
    let target = budget.update(at: now, pressure: pressure, headroom: headroom, use: held)
    state.record { status in
      status.target = target
      status.headroom = headroom
      status.lookCount += 1
      if pressure != nil { status.pressureCount += 1 }
      if target < former { status.shrinkCount += 1 }
    }
    // Again, if somebody was in the way the last time.
    if target != former || held > target { apply(target) }
    return SamplingPace.milliseconds(
      headroom: headroom, canShrink: target > budget.minimum, isAlert: now < alertEnd)
  }

  /// The worst that was told since the last look; nil when nothing was.
  private mutating func reportedPressure() -> PressureLevel? {
    var worst: PressureLevel?
    for (source, index) in zip(signals.sources, sourceIndices) {
      switch waiting.state(of: index) {
      case .quiet: continue
      case .failed: waiting.ignore(index)
      case .ready:
        source.trigger.acknowledge()
        worst = max(worst ?? .low, source.trigger.level)
      }
    }
    if let eventsIndex, waiting.state(of: eventsIndex) != .quiet {
      let counts = signals.cgroup?.eventCounts(&buffer)
      if let counts, let level = eventCounts.flatMap({ counts.level(since: $0) }) {
        worst = max(worst ?? .low, level)
      }
      // A file that cannot be read any more would be ready for ever.
      if counts == nil { waiting.ignore(eventsIndex) }
      eventCounts = counts
    }
    return worst
  }

  /// Two windows of the kernel's triggers, in nanoseconds.
  private static let alertDuration: UInt64 = 4_000_000_000
}
