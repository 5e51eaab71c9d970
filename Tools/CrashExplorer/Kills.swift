internal import ArgumentParser
internal import Foundation
internal import Linux
internal import TestSupport

/// Processes killed at work, and their caches looked at.
struct Kills: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kills", abstract: "Kill a process at work, again and again.")

  @OptionGroup var surroundings: Surroundings
  @Option(help: "How many times.") var count = 500

  func run() throws {
    let start = MonotonicClock.now
    let summaries: [KillWorker.Summary] = try WorkerTeam(surroundings).run(
      "kill-worker", ["--count", "\(count)"])
    let seconds = (MonotonicClock.now - start) / 1_000_000_000
    print(
      """
      \(summaries.reduce(0) { $0 + $1.killCount }) processes killed, 0 violations: seed \
      \(surroundings.seed), \(summaries.reduce(0) { $0 + $1.operationCount }) operations, \
      \(summaries.reduce(0) { $0 + $1.hitCount }) blocks read, \
      \(summaries.reduce(0) { $0 + $1.requiredCount }) of them promised, \(seconds) s
      """)
  }
}

/// Starts victims one after the other on a cache that lasts for some of them.
struct KillWorker: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kill-worker", shouldDisplay: false)

  struct Summary: Codable {
    var killCount = 0
    var operationCount = 0
    var hitCount = 0
    var requiredCount = 0
  }

  /// The making of a cache is to be cut short as well, so each is made anew after some time.
  private static let killsPerCache = 20
  private static let millisecondsMax = 300

  @OptionGroup var place: WorkerPlace
  @Option var count: Int

  func run() throws {
    let recorder = try Recorder()
    let cache = "\(recorder.root)/cache"
    let marks = "\(place.directory)/worker-\(place.worker).marks"
    var generator = SeededGenerator(seed: place.seed &+ UInt64(place.worker))
    var summary = Summary()
    var model = CacheModel(marks: [])
    for cycle in stride(from: place.worker, to: count, by: place.jobs) where !place.isOver {
      if summary.killCount % Self.killsPerCache == 0 {
        try DiskImage().write(to: recorder.root)
        try Paths.removeFile(marks)
        summary.operationCount += model.lastNumber
        model = CacheModel(marks: [])
      }
      let seed = generator.next()
      let delay = Int.random(in: 0...Self.millisecondsMax, using: &generator)
      try place.report("kill \(cycle), after \(delay) ms of a workload of seed \(seed)")
      let outcome = try ChildProcess(
        running: Paths.executable,
        [
          "victim", "--cache", cache, "--marks", marks, "--seed", "\(seed)", "--first-number",
          "\(model.lastNumber + 1)", "--milliseconds", "\(delay)",
        ], environment: ["LD_PRELOAD="]
      ).wait()
      guard outcome.exitStatus == nil else { throw Violation(outcome.complaint) }
      let text = (try? String(contentsOfFile: marks, encoding: .utf8)) ?? ""
      // The last line may be cut off; a mark that was not made whole was not made.
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
      model = CacheModel(marks: lines.compactMap { Mark(line: $0) })
      let expectation = model.expectation(afterMarks: model.markCount)
      let findings = try Judge(directory: cache, expectation: expectation).judge(goingOn: false)
      summary.killCount += 1
      summary.hitCount += findings.hitCount
      summary.requiredCount += expectation.required.count
    }
    summary.operationCount += model.lastNumber
    try place.finish(summary)
  }
}

/// Works on a cache until its time is over.
struct Victim: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "victim", shouldDisplay: false)

  @Option var cache: String
  @Option var marks: String
  @Option var seed: UInt64
  @Option var firstNumber: Int
  @Option var milliseconds: Int

  func run() throws {
    CurrentProcess.becomeExpendable()
    let end = milliseconds
    _ = try Linux.Thread(name: "killer") {
      Linux.Thread.sleep(milliseconds: end)
      Signals.raise(Signals.kill)
    }
    try Workload(
      directory: cache, marks: MarksFile(path: marks), seed: seed, firstNumber: firstNumber
    ).run(operationCount: .max)
  }
}
