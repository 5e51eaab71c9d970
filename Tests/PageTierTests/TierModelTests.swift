import Bytes
import Linux
import PageTier
import TestSupport
import Testing

/// The tier beside what it must always return: what was put in.
@Suite struct TierModelTests {
  /// `CULLET_TIER_OPERATIONS` asks for more, for a soak.
  static let operationCount =
    environmentValue("CULLET_TIER_OPERATIONS").flatMap { Int($0) } ?? 200_000

  /// A tier, files on it that change, and one thread's way through them.
  struct Actor: ~Copyable {
    let tier: PageTier
    let volumes: [TierVolume]
    let library: PageLibrary
    var generator: SeededGenerator
    var files: [(file: TierFile, fixture: FileFixture)] = []
    var fault: String?

    init(_ tier: PageTier, _ volumes: [TierVolume], _ library: PageLibrary, seed: UInt64) {
      self.tier = tier
      self.volumes = volumes
      self.library = library
      generator = SeededGenerator(seed: seed)
      for number in 0..<8 { files.append(makeFile(number, version: 0)) }
    }

    private func makeFile(_ number: Int, version: Int) -> (TierFile, FileFixture) {
      // Of one page, of a node's 64, of several levels; with a short last page and without.
      let byteCounts = [1, 4096, 250_000, 262_144, 262_145, 2_000_000, 9_000_000, 20_000_001]
      let byteCount = byteCounts[number % byteCounts.count]
      let fixture = FileFixture(
        library: library, number: number, version: version, byteCount: byteCount)
      let volume = volumes[number % volumes.count]
      return (tier.makeFile(byteCount: UInt64(byteCount), volume: volume), fixture)
    }

    mutating func step() {
      let number = Int.random(in: 0..<files.count, using: &generator)
      let (file, fixture) = files[number]
      switch Int.random(in: 0..<5000, using: &generator) {
      case 0..<4:
        tier.remove(file)
        files[number] = makeFile(number, version: fixture.version + 1)
      case 4:
        tier.setBudget(byteCount: Int.random(in: 4...12, using: &generator) << 20)
      default:
        let start = Int.random(in: 0..<fixture.byteCount, using: &generator)
        let end = min(fixture.byteCount, start + Int.random(in: 1...40_000, using: &generator))
        let volume = volumes[Int.random(in: 0..<volumes.count, using: &generator)]
        let bytes = tier.readThrough(file, start..<end, of: fixture, by: volume)
        if let place = difference(bytes, fixture.bytes(start..<end)) {
          fault = "file \(number) version \(fixture.version), \(start)..<\(end): \(place)"
        }
      }
    }
  }

  static func makeTier() throws -> (PageTier, [TierVolume]) {
    let tier = try #require(PageTier(TierOptions(byteCountMax: 12 << 20)))
    let domain = try #require(tier.makeDomain())
    let other = try #require(tier.makeDomain())
    let volumes = try [domain, domain, other].map { try #require(tier.makeVolume(in: $0)) }
    return (tier, volumes)
  }

  @Test func `reads return what was put in, whatever is evicted, shrunk and removed`() throws {
    var generator = SeededGenerator(for: "tier model")
    let (tier, volumes) = try Self.makeTier()
    let library = PageLibrary(count: 12_000, using: &generator)
    var actor = Actor(tier, volumes, library, seed: generator.next())
    for _ in 0..<Self.operationCount where actor.fault == nil { actor.step() }
    #expect(actor.fault == nil)
    let statistics = tier.statistics
    #expect(statistics.arenaByteCount <= statistics.budgetByteCount)
    // Each of its ways was gone.
    #expect(statistics.compressedHits > 0 && statistics.sharedHits > 0)
    for (file, _) in actor.files { tier.remove(file) }
    let empty = tier.statistics
    #expect(empty.pageCount == 0 && empty.compressedPageCount == 0 && empty.zeroPageCount == 0)
    #expect(empty.logicalByteCount == 0 && empty.residentByteCount == 0)
  }

  @Test func `four threads at once read what was put in`() throws {
    var generator = SeededGenerator(for: "tier model, threads")
    let (tier, volumes) = try Self.makeTier()
    let library = PageLibrary(count: 12_000, using: &generator)
    let faults = Lock<[String]>([])
    let seeds = (0..<4).map { _ in generator.next() }
    let threads = try seeds.map { seed in
      try Thread(name: "actor") {
        var actor = Actor(tier, volumes, library, seed: seed)
        for _ in 0..<Self.operationCount / 4 where actor.fault == nil { actor.step() }
        if let fault = actor.fault { faults.withLock { $0.append(fault) } }
      }
    }
    for thread in threads { thread.join() }
    #expect(faults.withLock { $0 } == [])
  }
}
