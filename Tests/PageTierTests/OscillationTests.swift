import PageTier
import TestSupport
import Testing

@Suite struct OscillationTests {
  @Test func `the tier makes room for others who come and go, and then settles`() {
    var generator = SeededGenerator(for: "the tier makes room for others who come and go")
    for _ in 0..<20 {
      let total = Int.random(in: 256...32_768, using: &generator) << 20
      var machine = SimulatedMachine(
        total: total, maximum: total * Int.random(in: 1...8, using: &generator) / 8, others: 0)
      for _ in 0..<40 {
        // At most what leaves the tier its minimum and the reserve.
        let most = max(0, total - total / 8 - (64 << 20))
        machine.others = Int.random(in: 0...most, using: &generator)
        machine.advance()
        let wasShort = machine.free < 0
        machine.advance()
        // One decision made up for all that was lacking.
        #expect(machine.free >= 0, "was short before: \(wasShort)")
        machine.advance(seconds: Int.random(in: 1...200, using: &generator))
      }
      #expect(machine.hastyGrowthCount == 0)
      machine.advance(seconds: 120)
      let shrinkCount = machine.shrinkCount
      machine.advance(seconds: 1800)
      // Nobody came: the tier's own growth has taken it to where it may stay.
      #expect(machine.shrinkCount == shrinkCount)
      let settled = machine.budget.target
      machine.advance(seconds: 600)
      #expect(machine.budget.target == settled)
    }
  }

  @Test func `others who come every minute do not make the tier follow them`() {
    var machine = SimulatedMachine(total: 8 << 30, maximum: 6 << 30, others: 1 << 30)
    machine.advance(seconds: 600)
    for _ in 0..<60 {
      machine.others = 4 << 30
      machine.advance(seconds: 30)
      machine.others = 1 << 30
      machine.advance(seconds: 30)
    }
    // It gave way the first time, and waits for them to stay away.
    #expect(machine.hastyGrowthCount == 0)
    #expect(machine.use <= 3 << 30)
    machine.advance(seconds: 600)
    #expect(machine.use > 4 << 30)
  }

  @Test func `a hog is made room for while it grows`() {
    var machine = SimulatedMachine(total: 512 << 20, maximum: 384 << 20, others: 16 << 20)
    machine.advance(seconds: 60)
    for _ in 0..<20 {
      machine.others += 20 << 20
      machine.advance()
      // The reserve is 64 MiB, of which the tier and the hog take 20 each before the next look.
      #expect(machine.free >= 24 << 20)
    }
    let least = machine.use
    machine.others = 16 << 20
    machine.advance(seconds: 59)
    #expect(machine.use == least)
    machine.advance(seconds: 240)
    // All but twice the reserve.
    #expect(machine.use == 368 << 20)
  }
}
