import Bytes
import Linux
import TestSupport
import Testing

@Suite struct KernelTextTests {
  private func onlyNumber(_ text: String) -> UInt64? {
    KernelText.onlyNumber(in: [UInt8](text.utf8).rawSpan)
  }

  private func number(_ name: String, in text: String) -> UInt64? {
    KernelText.number(named: [UInt8](name.utf8), in: [UInt8](text.utf8).rawSpan)
  }

  @Test(
    arguments: [
      ("0\n", 0), ("536870912\n", 536_870_912), ("18446744073709551615\n", .max),
    ] as [(String, UInt64)])
  func `a file of one number is that number`(text: String, expected: UInt64) {
    #expect(onlyNumber(text) == expected)
  }

  @Test(
    arguments: [
      "", "\n", "max\n", "12", "12 \n", " 12\n", "-1\n", "12\n\n", "12x\n",
      "18446744073709551616\n", "99999999999999999999999\n", "0x10\n",
    ])
  func `a file of anything else has no number`(text: String) {
    #expect(onlyNumber(text) == nil)
  }

  @Test func `a number is found by its whole name`() {
    let text = "total_inactive_file 7\ninactive_file 8\nactive_file 9\n"
    #expect(number("inactive_file", in: text) == 8)
    #expect(number("active_file", in: text) == 9)
    #expect(number("file", in: text) == nil)
    #expect(number("total", in: text) == nil)
  }

  @Test func `kB are turned into bytes`() {
    #expect(number("MemFree", in: "MemTotal:  3 kB\nMemFree:    12 kB\n") == 12_288)
    #expect(number("HugePages_Total", in: "HugePages_Total:       5\n") == 5)
  }

  @Test(
    arguments: [
      "a", "a\n", "a:\n", "a 1", "a x\n", "a 1 MB\n", "a 1 kBx\n", "a -1\n",
      "a 18446744073709551616\n", "a 18446744073709551615 kB\n", "a1\n", "\n\n\n",
    ])
  func `a line that makes no sense has no number`(text: String) {
    #expect(number("a", in: text) == nil)
  }

  @Test func `random text never traps`() {
    var generator = SeededGenerator(for: "random text never traps")
    let alphabet = [UInt8]("a: 0139kB\nx".utf8)
    for _ in 0..<20_000 {
      let text = (0..<Int.random(in: 0...24, using: &generator)).map { _ in
        alphabet[Int.random(in: alphabet.indices, using: &generator)]
      }
      _ = KernelText.onlyNumber(in: text.rawSpan)
      _ = KernelText.number(named: [UInt8]("a".utf8), in: text.rawSpan)
      _ = AvailableMemory.Figures(meminfo: text.rawSpan)
      _ = CgroupEventCounts(text.rawSpan)
    }
  }

  @Test func `available memory needs both of its figures`() {
    func figures(_ text: String) -> AvailableMemory.Figures? {
      AvailableMemory.Figures(meminfo: [UInt8](text.utf8).rawSpan)
    }
    let both = figures("MemTotal: 8 kB\nMemFree: 1 kB\nMemAvailable: 4 kB\n")
    #expect(both?.available == 4096)
    #expect(both?.total == 8192)
    #expect(figures("MemTotal: 8 kB\nMemFree: 1 kB\n") == nil)
    #expect(figures("MemAvailable: 4 kB\n") == nil)
  }

  @Test func `a group at its limit for the sake of cached files is not critical`() throws {
    func counts(high: Int, max: Int, outOfMemory: Int, kills: Int) throws -> CgroupEventCounts {
      let text = "low 0\nhigh \(high)\nmax \(max)\noom \(outOfMemory)\noom_kill \(kills)\n"
      let counts = CgroupEventCounts([UInt8](text.utf8).rawSpan)
      return try #require(counts)
    }
    let before = try counts(high: 1, max: 1, outOfMemory: 0, kills: 0)
    #expect(before.level(since: before) == nil)
    #expect(try counts(high: 1, max: 5, outOfMemory: 0, kills: 0).level(since: before) == .low)
    #expect(try counts(high: 2, max: 1, outOfMemory: 0, kills: 0).level(since: before) == .low)
    #expect(try counts(high: 1, max: 2, outOfMemory: 1, kills: 0).level(since: before) == .critical)
    #expect(try counts(high: 1, max: 2, outOfMemory: 0, kills: 1).level(since: before) == .critical)
  }
}
