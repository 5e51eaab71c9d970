package import Linux

/// How many bytes the tier may hold, decided from what is told of the machine.
///
/// It shrinks at once and grows slowly: by a quarter when all tasks wait for memory, by a tenth when
/// some do, by what is lacking as often as something is. It grows by a fiftieth a second, and only
/// after 30 s without pressure in which there was always room to grow, and 60 s after it last shrank.
/// It has no clock and does no I/O.
package struct MemoryBudget: Sendable {
  /// In bytes, as all sizes here.
  package let maximum: Int
  package let minimum: Int
  /// What the tier may hold now; the maximum at first.
  package private(set) var target: Int

  private var lastUnrest: UInt64?
  private var lastShrink: UInt64?
  private var lastGrowth: UInt64?
  private var lastStep: (time: UInt64, level: PressureLevel)?

  /// A budget of at most `maximum` bytes, and of `minimum` at least unless that is more.
  package init(maximum: Int, minimum: Int = 64 << 20) {
    self.maximum = max(0, maximum)
    self.minimum = max(0, min(minimum, maximum))
    target = self.maximum
  }

  /// Takes in what is known at `time`, in nanoseconds of a clock that only goes forward; returns
  /// the target.
  ///
  /// `pressure` is the worst that was heard of since the last call, `headroom` nil where nothing is
  /// known, `use` what the tier holds at present: shrinking starts from there when that is less than
  /// the target, and growing stays near it.
  package mutating func update(
    at time: UInt64, pressure: PressureLevel?, headroom: Headroom?, use: Int
  ) -> Int {
    let use = min(max(use, 0), 1 << 60)
    if lastUnrest == nil || pressure != nil { lastUnrest = time }
    let held = min(target, use)
    var wanted = target
    if let pressure, let divisor = Self.divisor(pressure), isStepDue(at: time, pressure) {
      lastStep = (time, pressure)
      wanted = min(wanted, held - held / divisor)
    }
    if let headroom {
      // What the tier was told to give back and still holds is on its way.
      let spare = headroom.spareByteCount + max(0, use - target)
      if spare < 0 { wanted = min(wanted, held + spare) }
      if headroom.growableByteCount <= 0 { lastUnrest = time }
    }
    if wanted < target {
      shrink(to: wanted, at: time)
    } else if let growth = growth(at: time, headroom: headroom, use: use) {
      target += growth
      lastGrowth = time
    }
    return target
  }

  private mutating func shrink(to wanted: Int, at time: UInt64) {
    let bounded = max(minimum, wanted)
    guard bounded < target else { return }
    target = bounded
    lastShrink = time
  }

  /// How far to grow now; nil for not at all.
  private func growth(at time: UInt64, headroom: Headroom?, use: Int) -> Int? {
    guard target < maximum, Self.second.hasPassed(since: lastGrowth, at: time),
      Self.calm.hasPassed(since: lastUnrest, at: time),
      Self.restraint.hasPassed(since: lastShrink, at: time),
      target - use < use / 4 + Self.unusedAllowance
    else { return nil }
    // What it may hold already, but does not yet, is not to be had twice.
    let room = headroom.map { $0.growableByteCount - max(0, target - use) } ?? .max
    let growth = min(max(1, target / 50), room, maximum - target)
    return growth > 0 ? growth : nil
  }

  /// One step a second, so that several notices of one event count once; a worse one counts.
  private func isStepDue(at time: UInt64, _ level: PressureLevel) -> Bool {
    guard let lastStep else { return true }
    return level > lastStep.level || Self.second.hasPassed(since: lastStep.time, at: time)
  }

  /// The part of what is held that is given back; nil for none.
  private static func divisor(_ level: PressureLevel) -> Int? {
    switch level {
    case .low: nil
    case .medium: 10
    case .critical: 4
    }
  }

  private static let second = Interval(seconds: 1)
  private static let calm = Interval(seconds: 30)
  private static let restraint = Interval(seconds: 60)
  /// A target may be this far above the use, and a quarter of the use more.
  private static let unusedAllowance = 64 << 20
}

/// A span of time in a clock of nanoseconds.
private struct Interval {
  let nanoseconds: UInt64

  init(seconds: UInt64) {
    nanoseconds = seconds * 1_000_000_000
  }

  /// Whether that much has passed, or nothing to wait from has been.
  func hasPassed(since start: UInt64?, at time: UInt64) -> Bool {
    guard let start else { return true }
    return time >= start && time - start >= nanoseconds
  }
}
