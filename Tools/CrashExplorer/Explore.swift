internal import ArgumentParser
internal import Linux

/// Crash states of recorded workloads against the model.
struct Explore: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explore", abstract: "Judge crash states of recorded workloads.")

  @OptionGroup var surroundings: Surroundings
  @Option(help: "How many crash states to judge.") var states = 10_000

  func run() throws {
    let team = WorkerTeam(surroundings)
    let start = MonotonicClock.now
    let summaries: [StateTrial.Summary] = try team.run("state-worker", ["--states", "\(states)"])
    var total = StateTrial.Summary()
    for summary in summaries { total.add(summary) }
    let seconds = Double(MonotonicClock.now - start) / 1e9
    print(
      """
      \(total.stateCount) crash states, 0 violations: seed \(surroundings.seed), \
      \(total.nestedCount) nested, \(total.auditCount) as of another boot, \
      \(total.emptiedCount) begun empty, \(total.hitCount) blocks read, \
      \(total.fingerprintCount) fingerprints known, \
      \(total.keptCount) kept by pins, longest opening \
      \(total.openingNanosecondsMax / 1_000_000) ms, \(Int(seconds)) s
      """)
  }
}

/// Judges a share of the rounds, under the recorder.
struct StateWorker: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "state-worker", shouldDisplay: false)

  /// Enough states to see every part of a workload's log, few enough to see many workloads.
  static let statesPerRound = 500
  private static let operationCount = 120

  @OptionGroup var place: WorkerPlace
  @Option var states: Int

  func run() throws {
    let recorder = try Recorder()
    var trial = StateTrial(recorder: recorder)
    let roundCount = (states + Self.statesPerRound - 1) / Self.statesPerRound
    for round in stride(from: place.worker, to: roundCount, by: place.jobs) {
      let seed = place.seed &* 1_000_003 &+ UInt64(round)
      if place.isOver { break }
      try place.report("round \(round), recording")
      let crash = CrashRound(
        log: try recorder.record(workload: seed, operationCount: Self.operationCount))
      try place.keepLog()
      let count = states - round * Self.statesPerRound
      let disk = CrashDisk()
      var eventCount = 0
      for state in try crash.states(count: Self.statesPerRound, seed: seed)
      where state.number < count {
        try place.report(
          "round \(round) after \(trial.summary.stateCount) states: --round-seed \(seed) "
            + "--state \(state.number), \(state)")
        while eventCount < state.eventCount {
          try disk.apply(crash.log[eventCount])
          eventCount += 1
        }
        try trial.run(state, of: disk, expecting: crash.expectation(afterEvents: eventCount))
      }
    }
    try place.finish(trial.summary)
  }
}
