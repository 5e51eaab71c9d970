internal import BlockStore
internal import CLinux
internal import Linux
internal import TestSupport

/// Makes crash states in a directory, one after the other, and judges each.
struct StateTrial {
  let root: String
  private var recorder: Recorder
  private(set) var summary = Summary()

  init(recorder: Recorder) {
    root = recorder.root
    self.recorder = recorder
  }

  private var cache: String { "\(root)/cache" }

  /// Throws a ``Violation`` if `state` of `disk`, or a crash while it is opened, breaks a promise.
  mutating func run(
    _ state: CrashState, of disk: CrashDisk, expecting expectation: CacheModel.Expectation,
    mayBeEmptied: Bool = false
  ) throws {
    // A store that hangs or dies takes the process with it, and whoever started it sees that.
    alarm(30)
    defer { alarm(0) }
    // Then another process looks at the index first, which takes longer than all the rest.
    let isOtherBoot = state.seed >> 32 % 32 == 0
    let image = disk.image(after: state)
    try image.write(to: root)
    var judge = Judge(
      directory: cache, expectation: expectation, mayBeEmptied: mayBeEmptied)
    if isOtherBoot {
      summary.auditCount += 1
      // What a process has to come to its end, and no more.
      judge.openingNanosecondsMax = 10_000_000_000
    }
    try recorder.pretendReboot(isOtherBoot)
    defer { try? recorder.pretendReboot(false) }
    if state.isNested {
      try recorder.record {
        let store = try CacheStore(trialIn: cache)
        judge.culledCount = Int(store.status().disk.culledBlocks)
        judge.wasEmptied = !store.openReport.notes.isEmpty
        store.abandon()
      }
      let second = CrashDisk(image)
      let log = try recorder.log()
      var generator = SeededGenerator(seed: state.seed ^ 1)
      let eventCount = Int.random(in: 0...log.count, using: &generator)
      for event in log.prefix(eventCount) { try second.apply(event) }
      let nested = CrashState(
        number: state.number, eventCount: eventCount,
        survival: CrashState.Survival.random.randomElement(using: &generator) ?? .nothing,
        seed: generator.next())
      try second.image(after: nested).write(to: root)
      try recorder.pretendReboot(isOtherBoot)
      summary.nestedCount += 1
    }
    let findings = try judge.judge(goingOn: state.seed % 4 == 0)
    summary.note(findings)
  }

  /// What a run saw.
  struct Summary: Codable {
    var stateCount = 0
    var nestedCount = 0
    /// Those whose index another process has looked at.
    var auditCount = 0
    var emptiedCount = 0
    var hitCount = 0
    var fingerprintCount = 0
    var keptCount = 0
    var openingNanosecondsMax: UInt64 = 0

    mutating func note(_ findings: Judge.Findings) {
      stateCount += 1
      hitCount += findings.hitCount
      fingerprintCount += findings.fingerprintCount
      keptCount += findings.keptCount
      if findings.isEmptied { emptiedCount += 1 }
      openingNanosecondsMax = max(openingNanosecondsMax, findings.openingNanoseconds)
    }

    mutating func add(_ other: Summary) {
      stateCount += other.stateCount
      nestedCount += other.nestedCount
      auditCount += other.auditCount
      emptiedCount += other.emptiedCount
      hitCount += other.hitCount
      fingerprintCount += other.fingerprintCount
      keptCount += other.keptCount
      openingNanosecondsMax = max(openingNanosecondsMax, other.openingNanosecondsMax)
    }
  }
}
