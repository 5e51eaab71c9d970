internal import CLinux
internal import Foundation
internal import Linux
internal import TestSupport

/// One recorded workload and the crash states that are made of it.
struct CrashRound {
  let log: [RecordedEvent]
  let model: CacheModel
  /// For each number of events, how many of them are marks.
  private let markCounts: [Int]

  init(log: [RecordedEvent]) {
    self.log = log
    var marks: [Mark] = []
    var markCounts = [0]
    for event in log {
      if case .mark(let mark) = event { marks.append(mark) }
      markCounts.append(marks.count)
    }
    model = CacheModel(marks: marks)
    self.markCounts = markCounts
  }

  func expectation(afterEvents eventCount: Int) -> CacheModel.Expectation {
    model.expectation(afterMarks: markCounts[eventCount])
  }

  /// `count` states by `seed`, in the order of the log.
  ///
  /// Where few pages are pending just before a sync, all subsets of them, as a quarter of the
  /// states; the others are random, a tenth of them from the making of the cache.
  func states(count: Int, seed: UInt64) throws -> [CrashState] {
    var generator = SeededGenerator(seed: seed)
    var states: [CrashState] = []
    func add(_ eventCount: Int, _ survival: CrashState.Survival) {
      states.append(
        CrashState(
          number: states.count, eventCount: eventCount, survival: survival,
          seed: generator.next()))
    }
    for (eventCount, pageCount) in try smallWindows().shuffled(using: &generator) {
      for bits in 0..<UInt64(1) << UInt64(pageCount) where states.count < count / 4 {
        add(eventCount, .pages(bits))
      }
    }
    let creation = log.firstIndex { if case .mark(.present) = $0 { true } else { false } } ?? 0
    while states.count < count {
      let isEarly = Int.random(in: 0..<10, using: &generator) == 0
      let eventCount = Int.random(in: 0...(isEarly ? creation : log.count), using: &generator)
      add(eventCount, CrashState.Survival.random.randomElement(using: &generator) ?? .nothing)
    }
    return states.sorted { $0.eventCount < $1.eventCount }
  }

  /// More subsets than of this many pages are not all tried.
  private static let smallWindowPageCountMax = 12

  /// Moments right before a sync returns at which few pages are pending, and how many.
  private func smallWindows() throws -> [(eventCount: Int, pageCount: Int)] {
    let disk = CrashDisk()
    var windows: [(Int, Int)] = []
    for (index, event) in log.enumerated() {
      switch event {
      case .sync, .syncNames, .write(_, _, _, isDurable: true):
        let pageCount = disk.openPageCount
        if (1...Self.smallWindowPageCountMax).contains(pageCount) {
          windows.append((index, pageCount))
        }
      default: break
      }
      try disk.apply(event)
    }
    return windows
  }
}

/// Makes crash states in a directory, one after the other, and judges each.
struct StateTrial {
  let root: String
  let recorder: Recorder
  private(set) var summary = Summary()

  init(root: String, recorder: Recorder) {
    self.root = root
    self.recorder = recorder
  }

  private var cache: String { "\(root)/cache" }

  /// Throws a ``Violation`` if `state` of `disk`, or a crash while it is opened, breaks a promise.
  mutating func run(
    _ state: CrashState, of disk: CrashDisk, expecting expectation: CacheModel.Expectation
  ) throws {
    // A store that hangs or dies takes the process with it, and whoever started it sees that.
    alarm(10)
    defer { alarm(0) }
    let image = disk.image(after: state)
    try image.write(to: root)
    if state.isNested {
      try recorder.record { try CacheStoreOpening.cutShort(in: cache) }
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
      summary.nestedCount += 1
    }
    let judge = Judge(directory: cache, expectation: expectation)
    let findings = try judge.judge(goingOn: state.seed % 4 == 0)
    summary.note(findings)
  }

  /// What a run saw.
  struct Summary: Codable {
    var stateCount = 0
    var nestedCount = 0
    var emptiedCount = 0
    var hitCount = 0
    var openingNanosecondsMax: UInt64 = 0

    mutating func note(_ findings: Judge.Findings) {
      stateCount += 1
      hitCount += findings.hitCount
      if findings.isEmptied { emptiedCount += 1 }
      openingNanosecondsMax = max(openingNanosecondsMax, findings.openingNanoseconds)
    }

    mutating func add(_ other: Summary) {
      stateCount += other.stateCount
      nestedCount += other.nestedCount
      emptiedCount += other.emptiedCount
      hitCount += other.hitCount
      openingNanosecondsMax = max(openingNanosecondsMax, other.openingNanosecondsMax)
    }
  }
}
