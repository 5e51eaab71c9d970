internal import ArgumentParser

/// `Tools/crash`, which sees to the arguments that have no default here.
@main
struct CrashExplorer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "Tools/crash", abstract: "Crash the cache in every way, and see what is left.",
    subcommands: [
      Explore.self, Replay.self, Kills.self, Faults.self, Soak.self, StateWorker.self,
      ReplayWorker.self,
      KillWorker.self, Victim.self, FaultWorker.self,
      VerifyIndex.self,
    ])
}

/// What every kind of trial needs to be told.
struct Surroundings: ParsableArguments {
  @Option(help: .hidden) var recorder: String
  @Option(help: .hidden) var directory: String
  @Option(help: "What all randomness comes from.") var seed: UInt64 = 1
  @Option(help: "How many trials run at a time.") var jobs = 2
}
