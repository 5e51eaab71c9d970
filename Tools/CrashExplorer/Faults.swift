internal import ArgumentParser
internal import CLinux
internal import Linux
internal import TestSupport

/// Each call of a script failing in turn, in every way it may.
struct Faults: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "faults", abstract: "Let each system call of a script fail in turn.")

  @OptionGroup var surroundings: Surroundings

  func run() throws {
    let start = MonotonicClock.now
    let summaries: [FaultWorker.Summary] = try WorkerTeam(surroundings).run("fault-worker", [])
    let seconds = (MonotonicClock.now - start) / 1_000_000_000
    var counts: [String: Int] = [:]
    for summary in summaries { counts.merge(summary.counts, uniquingKeysWith: +) }
    for (kind, count) in counts.sorted(by: { $0.key < $1.key }) { print("\(kind): \(count)") }
    print(
      """
      \(counts.values.reduce(0, +)) faults, 0 violations: seed \(surroundings.seed), \
      \(summaries.reduce(0) { $0 + $1.stateCount }) crash states after them, \
      \(summaries.reduce(0) { $0 + $1.emptiedCount }) caches begun anew, \(seconds) s
      """)
  }
}

/// Tries a share of the faults, under the recorder.
struct FaultWorker: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fault-worker", shouldDisplay: false)

  struct Summary: Codable {
    var counts: [String: Int] = [:]
    var stateCount = 0
    var emptiedCount = 0
  }

  /// Classes of calls and the errors that they may fail with; 0 is half a write.
  private static let faults: [(callClass: String, errnos: [Int32])] = [
    ("write", [0, Errno.ioError.rawValue, Errno.noSpace.rawValue]),
    ("durable-write", [0, Errno.ioError.rawValue, Errno.noSpace.rawValue]),
    ("sync", [Errno.ioError.rawValue, Errno.noSpace.rawValue]),
    ("read", [Errno.ioError.rawValue]),
    ("truncate", [Errno.ioError.rawValue, Errno.noSpace.rawValue]),
    (
      "allocate",
      [Errno.ioError.rawValue, Errno.noSpace.rawValue, Errno.notSupported.rawValue]
    ),
    ("open", [Errno.ioError.rawValue, Errno.accessDenied.rawValue]),
  ]
  private static let operationCount = 120
  private static let statesPerFault = 3

  @OptionGroup var place: WorkerPlace

  func run() throws {
    let recorder = try Recorder()
    var summary = Summary()
    for (callClass, errnos) in Self.faults {
      for errno in errnos where !place.isOver {
        let name = errno == 0 ? "half of it done" : "\(Errno(rawValue: errno))"
        // Until a whole run passes without reaching the call.
        var number = place.worker + 1
        while try trial(callClass, number, errno, name, recorder, &summary) {
          number += place.jobs
        }
      }
    }
    try place.finish(summary)
  }

  /// One run with one fault; false when it never came to it.
  private func trial(
    _ callClass: String, _ number: Int, _ errno: Int32, _ name: String, _ recorder: Recorder,
    _ summary: inout Summary
  ) throws -> Bool {
    try place.report("\(callClass) \(number) with \(name)")
    // A store that hangs takes the process with it, and whoever started it sees that.
    alarm(60)
    defer { alarm(0) }
    let log = try recorder.record(
      workload: place.seed, operationCount: Self.operationCount,
      fault: .fault(callClass: callClass, number: number, errno: errno))
    try place.keepLog()
    let place = log.firstIndex { if case .fault = $0 { true } else { false } }
    guard let place else { return false }
    summary.counts["\(callClass), \(name)", default: 0] += 1
    try checkSyncs(log)
    let crash = CrashRound(log: log)
    let findings = try Judge(
      directory: "\(recorder.root)/cache", expectation: crash.expectation(afterEvents: log.count),
      mayBeEmptied: true
    ).judge(goingOn: true)
    if findings.isEmptied { summary.emptiedCount += 1 }
    try crashLater(crash, from: place, recorder, &summary)
    return true
  }

  /// A sync that failed must not be tried again on the same data: it would succeed, and lie.
  private func checkSyncs(_ log: [RecordedEvent]) throws {
    var failed: Set<UInt32> = []
    for event in log {
      switch event {
      case .sync(let file, failed: true): failed.insert(file)
      case .sync(let file, failed: false) where failed.contains(file):
        throw Violation("a sync that had failed was tried again")
      case .write(let file, _, _, _), .truncate(let file, _), .allocate(let file, _, _):
        failed.remove(file)
      default: break
      }
    }
  }

  /// Power cuts at some moments after the fault: what a failed sync left out is not on the disk.
  private func crashLater(
    _ crash: CrashRound, from place: Int, _ recorder: Recorder, _ summary: inout Summary
  ) throws {
    var generator = SeededGenerator(seed: UInt64(place))
    let disk = CrashDisk()
    var trial = StateTrial(recorder: recorder)
    var eventCount = 0
    let moments = (0..<Self.statesPerFault).map { _ in
      Int.random(in: place...crash.log.count, using: &generator)
    }.sorted()
    for (index, moment) in moments.enumerated() {
      while eventCount < moment {
        try disk.apply(crash.log[eventCount])
        eventCount += 1
      }
      let state = CrashState(
        number: index, eventCount: moment, survival: index == 0 ? .nothing : .sectors,
        seed: generator.next())
      try trial.run(
        state, of: disk, expecting: crash.expectation(afterEvents: moment), mayBeEmptied: true)
    }
    summary.stateCount += trial.summary.stateCount
  }
}
