import Linux
import PageTier
import TestSupport
import Testing

@Suite struct MemoryBudgetTests {
  /// 16 GiB of 64 are free: far beyond any reserve.
  private static let plenty = Headroom(freeByteCount: 16 << 30, totalByteCount: 64 << 30)

  private var budget = MemoryBudget(maximum: 4 << 30)

  /// Tells the budget, whose tier is as full as it may be.
  private mutating func tell(
    _ second: Double, _ pressure: PressureLevel? = nil, _ headroom: Headroom? = plenty
  ) -> Int {
    budget.update(
      at: UInt64(second * 1e9), pressure: pressure, headroom: headroom, use: budget.target)
  }

  @Test mutating func `critical pressure takes a quarter, medium a tenth, low nothing`() {
    #expect(tell(1, .low) == 4 << 30)
    #expect(tell(2, .critical) == 3 << 30)
    #expect(tell(4, .medium) == (3 << 30) - (3 << 30) / 10)
  }

  @Test mutating func `notices of one second count once, unless a worse one comes`() {
    let first = tell(1, .medium)
    #expect(tell(1.5, .medium) == first)
    #expect(tell(1.6, .critical) == first - first / 4)
    #expect(tell(1.7, .critical) == first - first / 4)
    #expect(tell(2.7, .medium) < first - first / 4)
  }

  @Test mutating func `what is lacking is given back at once, as often as something is`() {
    // Of 8 GiB a reserve of 1 GiB is to stay free.
    let lacking = Headroom(freeByteCount: 924 << 20, totalByteCount: 8 << 30)
    #expect(tell(1, nil, lacking) == (4 << 30) - (100 << 20))
    #expect(tell(1.01, nil, lacking) == (4 << 30) - (200 << 20))
    let none = Headroom(freeByteCount: -(1 << 40), totalByteCount: 8 << 30)
    #expect(tell(1.02, nil, none) == 64 << 20)
  }

  @Test mutating func `what is on its way back is not asked for again`() {
    let lacking = Headroom(freeByteCount: 924 << 20, totalByteCount: 8 << 30)
    let target = tell(1, nil, lacking)
    let again = budget.update(
      at: 1_010_000_000, pressure: nil, headroom: lacking, use: 4 << 30)
    #expect(again == target)
  }

  @Test mutating func `a tier that holds less than it may shrinks from what it holds`() {
    let target = budget.update(
      at: 1_000_000_000, pressure: .critical, headroom: Self.plenty, use: 1 << 30)
    #expect(target == 3 << 28)
  }

  @Test mutating func `growth waits for 60 s after a shrink and 30 s of calm`() {
    let low = tell(10, .critical)
    #expect(tell(69.9) == low)
    #expect(tell(70) == low + low / 50)
    let grown = tell(71)
    #expect(grown > low + low / 50)
    #expect(tell(71.5) == grown)
    #expect(tell(72, .low) == grown)
    #expect(tell(101.9) == grown)
    #expect(tell(102) > grown)
  }

  @Test mutating func `growth needs twice the reserve to have been free for 30 s`() {
    let low = tell(10, .critical)
    let scarce = Headroom(freeByteCount: 2 << 30, totalByteCount: 64 << 30)
    #expect(tell(100, nil, scarce) == low)
    let little = Headroom(freeByteCount: (2 << 30) + 4096, totalByteCount: 64 << 30)
    #expect(tell(129.9, nil, little) == low)
    #expect(tell(130, nil, little) == low + 4096)
  }

  @Test mutating func `a target that is not used does not grow`() {
    let low = tell(10, .critical)
    func target(use: Int, at second: UInt64, of budget: inout MemoryBudget) -> Int {
      budget.update(
        at: second * 1_000_000_000, pressure: nil, headroom: Self.plenty, use: use)
    }
    #expect(target(use: low / 2, at: 100, of: &budget) == low)
    #expect(target(use: low, at: 101, of: &budget) > low)
  }

  @Test mutating func `the target ends at its maximum`() {
    var last = tell(0, .critical)
    for second in 60..<300 {
      let target = tell(Double(second))
      #expect(target >= last)
      last = target
    }
    #expect(last == 4 << 30)
  }

  @Test(
    arguments: [
      (0, 0), (1, 1), (-5, 0), (10 << 20, 10 << 20), (64 << 20, 64 << 20), (1 << 40, 64 << 20),
      (.max, 64 << 20),
    ])
  func `whatever happens, the target stays within its bounds`(maximum: Int, least: Int) {
    var budget = MemoryBudget(maximum: maximum)
    for second in 0..<200 {
      let target = budget.update(
        at: UInt64(second) * 1_000_000_000, pressure: .critical,
        headroom: Headroom(freeByteCount: .min, totalByteCount: .max), use: .max)
      #expect(target >= least)
      #expect(target <= max(0, maximum))
    }
    #expect(budget.target == least)
  }

  @Test mutating func `without any news the target stays the maximum`() {
    for second in 0..<1000 {
      #expect(budget.update(at: UInt64(second), pressure: nil, headroom: nil, use: 0) == 4 << 30)
    }
  }

  @Test mutating func `a clock that goes back harms nobody`() {
    let low = tell(1000, .critical)
    #expect(tell(1) == low)
    #expect(tell(0, .medium, nil) <= low)
  }
}
