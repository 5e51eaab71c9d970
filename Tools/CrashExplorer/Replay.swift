internal import ArgumentParser

/// One crash state again, of a log that was kept.
struct Replay: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Judge one crash state of a kept log again.")

  @OptionGroup var surroundings: Surroundings
  @Argument(help: "The log that a violation has left.") var log: String
  @Option(help: "The seed of the log's round.") var roundSeed: UInt64
  @Option(help: "The state's number within its round.") var state: Int

  func run() throws {
    let team = WorkerTeam(surroundings)
    let _: [StateTrial.Summary] = try team.run(
      "replay-worker",
      ["--log", log, "--round-seed", "\(roundSeed)", "--state", "\(state)"], workerCount: 1)
    print("no violation")
  }
}

/// Judges the one state, under the recorder.
struct ReplayWorker: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay-worker", shouldDisplay: false)

  @OptionGroup var place: WorkerPlace
  @Option var log: String
  @Option var roundSeed: UInt64
  @Option var state: Int

  func run() throws {
    let crash = CrashRound(log: try RecordedEvent.log(at: log))
    let states = try crash.states(count: StateWorker.statesPerRound, seed: roundSeed)
    guard let state = states.first(where: { $0.number == state }) else {
      throw ValidationError("a round has states 0 to \(StateWorker.statesPerRound - 1)")
    }
    let disk = CrashDisk()
    for event in crash.log.prefix(state.eventCount) { try disk.apply(event) }
    let expectation = crash.expectation(afterEvents: state.eventCount)
    print("\(state)\nexpected: \(expectation)")
    for event in crash.log.prefix(state.eventCount).suffix(12) { print("after: \(event.summary)") }
    try place.report("the state")
    var trial = StateTrial(recorder: try Recorder())
    try trial.run(state, of: disk, expecting: expectation)
    try place.finish(trial.summary)
  }
}

extension RecordedEvent {
  /// The event without the bytes that it wrote.
  fileprivate var summary: String {
    if case .write(let file, let offset, let bytes, let isDurable) = self {
      return "write(file: \(file), offset: \(offset), byteCount: \(bytes.count), "
        + "isDurable: \(isDurable))"
    }
    return "\(self)"
  }
}
