import Linux
import PageTier

/// A machine in numbers: others take and free memory, a tier fills up to its target and shrinks when
/// it is told to.
struct SimulatedMachine {
  static let tick: UInt64 = 100_000_000

  let total: Int
  private(set) var time: UInt64 = 0
  var others: Int
  private(set) var use = 0
  private(set) var budget: MemoryBudget
  private(set) var lastShrink: UInt64?
  /// Growth within a minute of a shrink, which must not be.
  private(set) var hastyGrowthCount = 0
  private(set) var shrinkCount = 0

  init(total: Int, maximum: Int, others: Int) {
    self.total = total
    self.others = others
    budget = MemoryBudget(maximum: maximum)
  }

  var free: Int { total - others - use }

  /// A tenth of a second: the tier takes up to 20 MiB more, then the budget decides.
  mutating func advance() {
    time += Self.tick
    use = min(budget.target, use + 20 << 20)
    let former = budget.target
    // The kernel tells of pressure in windows of 2 s.
    let isWindow = time % 2_000_000_000 == 0
    let pressure: PressureLevel? =
      !isWindow ? nil : free < 0 ? .critical : free < total / 64 ? .medium : nil
    let target = budget.update(
      at: time, pressure: pressure,
      headroom: Headroom(freeByteCount: free, totalByteCount: total), use: use)
    if target < former {
      lastShrink = time
      shrinkCount += 1
    }
    if target > former, let lastShrink, time - lastShrink < 60_000_000_000 { hastyGrowthCount += 1 }
    use = min(use, target)
  }

  mutating func advance(seconds: Int) {
    for _ in 0..<seconds * 10 { advance() }
  }
}
