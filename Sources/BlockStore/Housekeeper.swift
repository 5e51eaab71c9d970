internal import Linux
internal import Synchronization

/// The thread for what is due without anybody asking: scrubbing, and saving the order of use.
///
/// It holds no lock while it reads or writes, and does one thing at a time, so that stopping it
/// takes no longer than one read or one saving.
final class Housekeeper: Sendable {
  private enum Task {
    case scrub
    case saveRecency
    case stop
  }

  private enum Decision {
    case task(Task)
    case sleep(until: UInt64?)
  }

  private struct State {
    var schedule = ScrubSchedule(byteRate: 0)
    var recencyDue: UInt64
    var isStopping = false
  }

  /// How much of the order of use a crash can cost: five minutes.
  private static let recencyInterval: UInt64 = 300 * 1_000_000_000

  private let core: StoreCore
  private let recencyPath: String
  private let state = Lock(State(recencyDue: MonotonicClock.now + recencyInterval))
  private let passCount = Atomic<UInt64>(0)
  private let checkedCount = Atomic<UInt64>(0)
  private let badCount = Atomic<UInt64>(0)
  /// Seconds since 1970; 0 before the first pass has ended.
  private let lastPassEnd = Atomic<UInt32>(0)

  init(core: StoreCore, recencyPath: String) {
    self.core = core
    self.recencyPath = recencyPath
  }

  /// The thread's body; returns after ``stop()``.
  func run() {
    var scrubber = Scrubber(core: core)
    while true {
      switch nextTask() {
      case .scrub: scrub(&scrubber)
      case .saveRecency: saveRecency()
      case .stop: return
      }
    }
  }

  /// Sets how many bytes a second the scrubber may read, from now on; 0 for none.
  func setScrubRate(_ byteRate: UInt64) {
    state.withLock { state in state.schedule.byteRate = byteRate }
    state.signalAll()
  }

  /// Has ``run()`` return when it is done with what it is at.
  func stop() {
    state.withLock { state in state.isStopping = true }
    state.signalAll()
  }

  var scrubStatus: StoreStatus.Scrub {
    let end = lastPassEnd.load(ordering: .relaxed)
    return StoreStatus.Scrub(
      byteRate: state.withLock { state in state.schedule.byteRate }, passes: passCount.value,
      checkedBlocks: checkedCount.value, badBlocks: badCount.value,
      lastPassEnd: end == 0 ? nil : UInt64(end))
  }

  /// Saves the order of use if it has changed since it was saved last.
  func saveRecency() {
    let snapshot =
      core.queue.perform { writer in
        writer.saveFingerprints()
        return writer.changedRecency()
      } ?? nil
    // A hint: without it the next opening orders blocks by age.
    if let snapshot { _ = try? RecencyFile.write(snapshot, to: recencyPath) }
    state.withLock { state in state.recencyDue = MonotonicClock.now + Self.recencyInterval }
  }

  private func scrub(_ scrubber: inout Scrubber) {
    if scrubber.isBetweenPasses {
      state.withLock { state in state.schedule.beginPass(at: MonotonicClock.now) }
    }
    switch scrubber.step() {
    case .checked(let isRight):
      checkedCount.count()
      if !isRight { badCount.count() }
      let byteCount = core.geometry.blockByteCount
      state.withLock { state in
        state.schedule.noteRead(ofByteCount: byteCount, at: MonotonicClock.now)
      }
    case .moved: break
    case .passEnded:
      state.withLock { state in state.schedule.endPass() }
      lastPassEnd.store(StoreCore.now, ordering: .relaxed)
      passCount.count()
    }
  }

  /// Sleeps until something is due.
  private func nextTask() -> Task {
    var deadline: UInt64?
    while true {
      let decision = state.wait(until: deadline) { [deadline] state -> Decision? in
        if state.isStopping { return .task(.stop) }
        // A store that has given up keeps nothing: there is only its end to wait for.
        let isIdle = core.isWithdrawn.load(ordering: .relaxed)
        let scrubDue = isIdle ? nil : state.schedule.nextRead
        let now = MonotonicClock.now
        if !isIdle, state.recencyDue <= now { return .task(.saveRecency) }
        if let scrubDue, scrubDue <= now { return .task(.scrub) }
        let due = isIdle ? nil : min(state.recencyDue, scrubDue ?? UInt64.max)
        return due == deadline ? nil : .sleep(until: due)
      }
      switch decision {
      case .task(let task): return task
      case .sleep(let until): deadline = until
      case nil: continue  // the deadline has passed: the next look finds what is due
      }
    }
  }
}
