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
  /// states; the others are random, a tenth of them from the making of the cache and a fifth from
  /// the changes of its size.
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
    let resizings = resizings
    while states.count < count {
      let window =
        switch Int.random(in: 0..<10, using: &generator) {
        case 0: 0...creation
        case 1...2: resizings.randomElement(using: &generator) ?? 0...log.count
        default: 0...log.count
        }
      let eventCount = Int.random(in: window, using: &generator)
      add(eventCount, CrashState.Survival.random.randomElement(using: &generator) ?? .nothing)
    }
    return states.sorted { $0.eventCount < $1.eventCount }
  }

  /// From the beginning to the end of each change of size.
  private var resizings: [ClosedRange<Int>] {
    var resizings: [ClosedRange<Int>] = []
    var start: Int?
    for (index, event) in log.enumerated() {
      guard case .mark(let mark) = event else { continue }
      if case .started(_, .resize) = mark { start = index }
      if case .finished = mark, let first = start {
        resizings.append(first...index)
        start = nil
      }
    }
    return resizings
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
