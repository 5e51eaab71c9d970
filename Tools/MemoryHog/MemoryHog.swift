internal import ArgumentParser

/// What the script `Tools/pressure` runs: who takes memory, and who gives it back.
@main
struct MemoryHog: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "MemoryHog", abstract: "Take memory away, or give it back in time.",
    subcommands: [Hoard.self, Yield.self])
}
