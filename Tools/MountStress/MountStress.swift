internal import ArgumentParser
internal import Linux
internal import Synchronization
internal import TestSupport

/// What the script `Tools/stress` runs: readers of mounts, who compare what they see with what the
/// kernel's own EROFS shows.
@main
struct MountStress: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "MountStress",
    abstract: "Read mounts at random, and compare them with others.")

  @Option(help: "A mount of ours and one to compare it with: OURS:OTHER.") var pair: [String]
  @Option(help: "Seconds.") var seconds = 60
  @Option(help: "Readers at a time.") var readers = 8
  @Option(help: "Seed of the first reader; the others have the next ones.") var seed: UInt64 = 1

  func run() throws {
    let trees = try pair.map { pair in
      let parts = pair.split(separator: ":").map(String.init)
      guard parts.count == 2 else { throw ValidationError("\(pair) is not OURS:OTHER") }
      return ComparedTree(ours: parts[0], other: parts[1])
    }
    let deadline = MonotonicClock.now + UInt64(seconds) * 1_000_000_000
    let outcome = Lock(Outcome())
    var threads: [Thread] = []
    for number in 0..<readers {
      threads.append(
        try Thread(name: "reader") { [seed] in
          var reader = RandomReader(trees: trees, seed: seed + UInt64(number))
          while MonotonicClock.now < deadline, outcome.withLock({ $0.difference == nil }) {
            let difference = reader.step()
            outcome.withLock { outcome in
              outcome.stepCount += 1
              outcome.difference = outcome.difference ?? difference
            }
          }
        })
    }
    for thread in threads { thread.join() }
    let (stepCount, difference) = outcome.withLock { ($0.stepCount, $0.difference) }
    if let difference {
      print("seed \(seed), step \(stepCount): \(difference)")
      throw ExitCode(1)
    }
    print("\(stepCount) steps of \(readers) readers in \(seconds) s, seed \(seed): no difference")
  }

  private struct Outcome {
    var stepCount = 0
    var difference: String?
  }
}
