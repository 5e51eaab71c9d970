internal import Bytes
internal import Linux
internal import PageTier
internal import TestSupport

/// What it costs to read a page that is there.
///
/// At random over 8 MiB, which the processor keeps near, and over 256 MiB, where every access waits
/// for memory: what copying alone takes is beside it.
struct TierHits {
  private static let nearPageCount = 2048
  private static let farPageCount = 65_536
  private static let readCount = 200_000
  private static let goalNanoseconds = 400.0
  private static let compressedGoalNanoseconds = 4000.0
  private static let scalingGoal = 1.7

  func measure(runCount: Int) throws -> [(Series, Double?)] {
    var rows: [(Series, Double?)] = []
    for pageCount in [Self.nearPageCount, Self.farPageCount] {
      let isNear = pageCount == Self.nearPageCount
      let size = "\((pageCount * PageTier.pageByteCount) >> 20) MiB at random"
      let hot = try TierPages(pageCount: pageCount, budgetPageCount: 2 * pageCount)
      let plain = PlainPages(pageCount: pageCount)
      var cost = Series("hit of a resident page, \(size)", unit: .nanoseconds)
      var beside = Series(
        "hits, \(size)", unit: .readsPerSecond, otherName: "bare copies of the same")
      var scaling = Series(
        "hits with two threads, \(size)", unit: .readsPerSecond, otherName: "with one thread")
      var plainScaling = Series(
        "bare copies with two threads, \(size)", unit: .readsPerSecond,
        otherName: "with one thread")
      for run in 1...runCount {
        note("run \(run) of \(runCount)")
        let one = rate(threadCount: 1) { hot.readAtRandom(count: Self.readCount, seed: $0) }
        let copies = rate(threadCount: 1) { plain.copyAtRandom(count: Self.readCount, seed: $0) }
        let two = rate(threadCount: 2) { hot.readAtRandom(count: Self.readCount, seed: $0) }
        let twoCopies = rate(threadCount: 2) {
          plain.copyAtRandom(count: Self.readCount, seed: $0)
        }
        cost.ours.append(1e9 / one)
        beside.ours.append(one)
        beside.other.append(copies)
        scaling.ours.append(two)
        scaling.other.append(one)
        plainScaling.ours.append(twoCopies)
        plainScaling.other.append(copies)
      }
      rows += [
        (cost, isNear ? Self.goalNanoseconds : nil), (beside, nil),
        (scaling, isNear ? Self.scalingGoal : nil), (plainScaling, nil),
      ]
    }
    var compressed = Series("hit of a compressed page", unit: .nanoseconds)
    for _ in 1...runCount { compressed.ours.append(try compressedHitNanoseconds()) }
    return rows + [(compressed, Self.compressedGoalNanoseconds)]
  }

  /// Reads a second of as many threads as are told, each of which does `body` with a seed of its own.
  private func rate(threadCount: Int, _ body: @escaping @Sendable (UInt64) -> Void) -> Double {
    let seconds = timed {
      let others = (1..<threadCount).map { number in
        try? Thread(name: "hits") { body(UInt64(number) + 77) }
      }
      body(77)
      for other in others { other?.join() }
    }
    return Double(threadCount * Self.readCount) / seconds
  }

  /// The median over all pages that are compressed, and are still so once they were read.
  private func compressedHitNanoseconds() throws -> Double {
    let pages = try TierPages(pageCount: 16_384, budgetPageCount: 8192)
    for seed in 0..<20 { pages.readThroughAtRandom(count: 16_384, seed: UInt64(seed)) }
    let times = pages.compressedHitTimes()
    guard times.count > 1000 else { throw StageError("hardly a page was compressed") }
    return times.median
  }
}

/// Pages of a file in a tier, half of which can be compressed.
private final class TierPages: Sendable {
  private let tier: PageTier
  private let domain: TierDomain
  private let volume: TierVolume
  private let file: TierFile
  private let pageCount: Int

  init(pageCount: Int, budgetPageCount: Int) throws {
    guard
      let tier = PageTier(
        TierOptions(byteCountMax: budgetPageCount * PageTier.pageByteCount)),
      let domain = tier.makeDomain(), let volume = tier.makeVolume(in: domain)
    else { throw StageError("not enough addresses for a tier") }
    (self.tier, self.domain, self.volume, self.pageCount) = (tier, domain, volume, pageCount)
    file = tier.makeFile(
      byteCount: UInt64(pageCount * PageTier.pageByteCount), volume: volume)
    for page in 0..<pageCount { load(page) }
  }

  /// Puts page `page` in: text-like, one byte in three noise, and no two alike.
  private func load(_ page: Int) {
    var generator = SeededGenerator(seed: UInt64(page))
    var bytes = [UInt8](repeating: 0x20, count: PageTier.pageByteCount)
    var span = bytes.mutableRawSpan
    for offset in stride(from: 0, to: PageTier.pageByteCount, by: 24) {
      span.store(generator.next(), atByteOffset: offset)
    }
    tier.insert(bytes.rawSpan, into: file, at: UInt64(page * PageTier.pageByteCount))
  }

  private func read(_ page: Int, into target: inout [UInt8]) -> Bool {
    var span = target.mutableRawSpan
    let offset = UInt64(page * PageTier.pageByteCount)
    return tier.read(file, at: offset, into: &span, by: volume) == PageTier.pageByteCount
  }

  func readAtRandom(count: Int, seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var target = [UInt8](repeating: 0, count: PageTier.pageByteCount)
    for _ in 0..<count {
      let page = Int(truncatingIfNeeded: generator.next() >> 33) % pageCount
      precondition(read(page, into: &target), "a page that was to be resident is not")
    }
  }

  func readThroughAtRandom(count: Int, seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var target = [UInt8](repeating: 0, count: PageTier.pageByteCount)
    for _ in 0..<count {
      let page = Int(truncatingIfNeeded: generator.next() >> 33) % pageCount
      if !read(page, into: &target) { load(page) }
    }
  }

  /// The nanoseconds that each read of a page takes that is compressed before and after.
  func compressedHitTimes() -> [Double] {
    var target = [UInt8](repeating: 0, count: PageTier.pageByteCount)
    var times: [Double] = []
    for page in 0..<pageCount where tier.isCompressed(UInt64(page), of: file) {
      let start = MonotonicClock.now
      let isHere = read(page, into: &target)
      let end = MonotonicClock.now
      if isHere, tier.isCompressed(UInt64(page), of: file) { times.append(Double(end - start)) }
    }
    return times
  }
}

/// As many pages in one piece of memory.
private final class PlainPages: Sendable {
  private let memory: ReservedMemory
  private let pageCount: Int

  init(pageCount: Int) {
    let byteCount = pageCount * PageTier.pageByteCount
    guard let memory = ReservedMemory(byteCount: byteCount), memory.grow(to: byteCount) else {
      preconditionFailure("not enough memory for the pages to compare with")
    }
    unsafe memory.start.initializeMemory(as: UInt8.self, repeating: 1, count: byteCount)
    self.memory = memory
    self.pageCount = pageCount
  }

  func copyAtRandom(count: Int, seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var target = [UInt8](repeating: 0, count: PageTier.pageByteCount)
    for _ in 0..<count {
      let page = Int(truncatingIfNeeded: generator.next() >> 33) % pageCount
      unsafe target.withUnsafeMutableBytes { target in
        unsafe target.copyMemory(
          from: UnsafeRawBufferPointer(
            start: memory.start + page * PageTier.pageByteCount,
            count: PageTier.pageByteCount))
      }
    }
  }
}
