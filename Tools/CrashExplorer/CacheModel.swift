internal import BlockStore

/// What may and what must be in the cache, by the marks of a workload.
struct CacheModel {
  /// What a crash at one moment leaves to be expected.
  struct Expectation {
    /// What each object may be.
    var states: [[ObjectState]]
    /// No fill with a lower number may be found: it was dropped, durably, or replaced.
    var objectFloors: [Int]
    var blockFloors: [Mark.Block: Int] = [:]
    /// No fill had a number like this yet, or a higher one.
    var fillLimit = 0
    /// The marks `bcull` may be at.
    var limits = [CullLimits.standard.bcull]
    var slotCounts = [TrialCache.slotCount]
    /// Blocks that must be there.
    var required: Set<Mark.Block> = []

    init() {
      states = TrialCache.objects.map { _ in [ObjectState(version: nil)] }
      objectFloors = TrialCache.objects.map { _ in 0 }
    }

    /// Blocks that culling must leave, whatever of the possible is the case.
    var pinned: Set<Mark.Block> {
      var pinned: Set<Mark.Block> = []
      for object in TrialCache.objects {
        let always = states[object].map(\.pinned).reduce(nil) { (common: Set<UInt32>?, pins) in
          common?.intersection(pins) ?? pins
        }
        pinned.formUnion((always ?? []).map { Mark.Block(object: object, block: $0) })
      }
      return pinned
    }
  }

  /// Marks so far.
  var markCount: Int { expectations.count - 1 }
  /// The highest number of an operation so far.
  private(set) var lastNumber = 0

  private var expectations: [Expectation] = [Expectation()]
  private var effects: [(index: Int, effect: Mark.Effect)] = []
  private var presences: [(index: Int, presence: Mark.Presence)] = []
  private var started: [Int: (effect: Mark.Effect, states: [[ObjectState]])] = [:]
  /// Fills since the last count of what is present.
  private var recentFills: [Mark.Block: Int] = [:]

  init(marks: some Sequence<Mark>) {
    for mark in marks { note(mark) }
  }

  mutating func note(_ mark: Mark) {
    var expectation = expectations[expectations.count - 1]
    let index = expectations.count
    switch mark {
    case .started(let number, let effect):
      lastNumber = max(lastNumber, number)
      started[number] = (effect, expectation.states)
      effects.append((index, effect))
      expectation.begin(effect)
      if case .fill(let object, let first, let count) = effect {
        expectation.fillLimit = (number + 1) * Workload.fillsPerOperation
        for place in 0..<count {
          let block = Mark.Block(object: object, block: first + UInt32(place))
          recentFills[block] = number * Workload.fillsPerOperation + place
        }
      }
    case .finished(let number, let succeeded):
      if let (effect, states) = started.removeValue(forKey: number) {
        expectation.end(effect, from: states, number: number, succeeded: succeeded)
      }
    case .present(let presence):
      presences.append((index, presence))
      if presence.isComplete { expectation.blockFloors.merge(recentFills) { max($0, $1) } }
      recentFills = [:]
    }
    expectations.append(expectation)
  }

  /// What to expect after a crash that comes when `markCount` marks have been made.
  func expectation(afterMarks markCount: Int) -> Expectation {
    var expectation = expectations[markCount]
    guard let last = presences.last(where: { $0.index <= markCount }) else { return expectation }
    let next = presences.first { $0.index > markCount }
    let end = next?.index ?? expectations.count
    let between = effects.lazy.filter { last.index < $0.index && $0.index < end }.map(\.effect)
    var required = Set(last.presence.blocks)
    // What has been pinned all the time since.
    lazy var kept = expectations[last.index...markCount].map(\.pinned)
      .reduce(required) { $0.intersection($1) }
    var fillCount = 0
    var filled: Set<Mark.Block> = []
    for effect in between {
      switch effect {
      case .none, .pin, .unpin: break
      case .limit, .cull, .resize: if next == nil { required.formIntersection(kept) }
      case .doubtfulOpening: required = []
      case .fill(let object, let first, let count):
        fillCount += count
        for block in first..<first + UInt32(count) {
          filled.insert(Mark.Block(object: object, block: block))
        }
      case .version(let object, _), .invalidation(let object), .removal(let object):
        required = required.filter { $0.object != object }
      }
    }
    if let next {
      required.formIntersection(next.presence.blocks)
      // A block may have been culled, or not been readable, and filled again.
      let counts = (last.presence.culledCount, next.presence.culledCount)
      if counts.0 == nil && counts.1 == nil || counts.0 != counts.1 || !next.presence.isComplete {
        required.subtract(filled)
      }
    } else if fillCount > last.presence.spareCount {
      required.formIntersection(kept)
    }
    expectation.required = required
    return expectation
  }
}

extension CacheModel.Expectation {
  fileprivate mutating func begin(_ effect: Mark.Effect) {
    switch effect {
    case .none, .fill, .invalidation, .cull: break
    case .doubtfulOpening:
      for object in TrialCache.objects { allow([ObjectState(version: nil)], of: object) }
    case .version(let object, _), .removal(let object), .pin(let object, _), .unpin(let object, _):
      allow(states[object].map { $0.after(effect, on: object) }, of: object)
    case .limit(let cull): limits.append(cull)
    case .resize(let slotCount): slotCounts.append(slotCount)
    }
  }

  /// `before` is what the objects may have been when it began.
  fileprivate mutating func end(
    _ effect: Mark.Effect, from before: [[ObjectState]], number: Int, succeeded: Bool
  ) {
    let floor = number * Workload.fillsPerOperation
    switch effect {
    case .none, .fill, .cull: break
    case .doubtfulOpening:
      if succeeded { states = TrialCache.objects.map { _ in [ObjectState(version: nil)] } }
    case .version(let object, _), .removal(let object):
      if succeeded {
        settle(object, from: before, effect)
        objectFloors[object] = floor
      } else {
        allow([ObjectState(version: nil)], of: object)
      }
    case .pin(let object, _), .unpin(let object, _):
      if succeeded { settle(object, from: before, effect) }
    case .invalidation(let object):
      if succeeded {
        objectFloors[object] = floor
      } else {
        allow([ObjectState(version: nil)], of: object)
      }
    case .limit(let cull):
      if succeeded { limits = [cull] }
    case .resize(let slotCount):
      if succeeded { slotCounts = [slotCount] }
    }
  }

  /// The effect on the object is durable.
  private mutating func settle(
    _ object: Int, from before: [[ObjectState]], _ effect: Mark.Effect
  ) {
    states[object] = []
    allow(before[object].map { $0.after(effect, on: object) }, of: object)
  }

  private mutating func allow(_ more: [ObjectState], of object: Int) {
    for state in more where !states[object].contains(state) { states[object].append(state) }
  }
}
