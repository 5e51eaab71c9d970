import Bytes
import PageTier
import TestSupport
import Testing

@Suite struct PageTierTests {
  @Test func `a page that was kept is read back`() throws {
    let tier = try #require(PageTier(TierOptions(byteCountMax: 8 << 20)))
    let domain = try #require(tier.makeDomain())
    let volume = try #require(tier.makeVolume(in: domain))
    let file = tier.makeFile(byteCount: 10_000, volume: volume)
    let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 * 7 / 3) }
    tier.insert(bytes.rawSpan, into: file, at: 0)
    var target = [UInt8](repeating: 0xFF, count: 10_000)
    var span = target.mutableRawSpan
    let count = tier.read(file, at: 0, into: &span, by: volume)
    #expect(count == 10_000)
    #expect(difference(target, bytes) == nil)
    #expect(tier.statistics.pageCount == 3)
  }

  @Test func `nothing is left when everything is removed, and the budget stays`() throws {
    let tier = try #require(PageTier(TierOptions(byteCountMax: 8 << 20)))
    let domain = try #require(tier.makeDomain())
    let volume = try #require(tier.makeVolume(in: domain))
    var generator = SeededGenerator(for: "removing all pages")
    let bytes = generator.bytes(count: 3 << 20)
    let file = tier.makeFile(byteCount: UInt64(bytes.count), volume: volume)
    tier.insert(bytes.rawSpan, into: file, at: 0)
    var target = [UInt8](repeating: 0, count: bytes.count)
    var span = target.mutableRawSpan
    #expect(tier.read(file, at: 0, into: &span, by: volume) == bytes.count)
    tier.removeAll()
    #expect(tier.statistics.pageCount == 0 && tier.statistics.arenaByteCount == 0)
    #expect(tier.statistics.budgetByteCount == 8 << 20)
  }
}
