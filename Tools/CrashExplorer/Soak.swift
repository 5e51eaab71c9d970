internal import ArgumentParser
internal import BlockStore
internal import Linux
internal import TestSupport

/// Readers, a filler, a culler and a resizer on one cache at the same time.
///
/// What a hit returns is judged; what the threads do to each other's memory is for a sanitizer to
/// see.
struct Soak: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "soak", abstract: "Use one cache from several threads for some time.")

  @OptionGroup var surroundings: Surroundings
  @Option(help: "How long.") var seconds: Int

  func run() throws {
    let store = try CacheStore(trialIn: "\(surroundings.directory)/cache")
    let crew = SoakCrew(
      store: store, deadline: MonotonicClock.now + UInt64(seconds) * 1_000_000_000)
    let roles: [SoakCrew.Role] = [.reader, .reader, .filler, .culler, .resizer]
    let threads = try roles.enumerated().map { index, role in
      let seed = surroundings.seed &* 1_000_003 &+ UInt64(index)
      return try Linux.Thread(name: "\(role)-\(index)") {
        crew.work(role, SeededGenerator(seed: seed))
      }
    }
    for thread in threads { thread.join() }
    if let complaint = crew.complaint { throw Violation(complaint) }
    let status = store.status()
    let blocks = status.blocks
    guard blocks.used + blocks.free == blocks.total, status.disk.checksumFailures == 0 else {
      throw Violation("in the end the slots are \(blocks), the counters \(status.disk)")
    }
    let report = store.verify(repair: false)
    guard report.isClean else { throw Violation("verification in the end found \(report)") }
    store.close()
    print(
      """
      soaked for \(seconds) s, 0 violations: seed \(surroundings.seed), \(status.disk.hits) hits, \
      \(status.disk.misses) misses, \(status.disk.filledBlocks) fills, \
      \(status.disk.culledBlocks) blocks culled, \(crew.resizingCount) changes of size
      """)
  }
}

/// The threads of a soak, and what they share.
final class SoakCrew: Sendable {
  enum Role {
    case reader, filler, culler, resizer
  }

  private struct State {
    var versions = TrialCache.objects.map { _ in 1 }
    var lastFill = 0
    var resizingCount = 0
    var complaint: String?
  }

  private let store: CacheStore
  private let deadline: UInt64
  private let state = Lock(State())

  init(store: CacheStore, deadline: UInt64) {
    self.store = store
    self.deadline = deadline
  }

  var complaint: String? { state.withLock { $0.complaint } }
  var resizingCount: Int { state.withLock { $0.resizingCount } }

  /// Does what `role` does until the time is over or somebody complains.
  func work(_ role: Role, _ source: SeededGenerator) {
    var generator = source
    while MonotonicClock.now < deadline, complaint == nil {
      do {
        switch role {
        case .reader: try read(&generator)
        case .filler: try fill(&generator)
        case .culler: try cull(&generator)
        case .resizer: try resize(&generator)
        }
      } catch {
        state.withLock { $0.complaint = "\(role): \(error)" }
      }
    }
  }

  /// An object in the version that it should have, which another thread may change at any time.
  private func bind(
    _ generator: inout SeededGenerator
  ) throws -> (object: StoredObject, index: Int, version: Int) {
    let index = Int.random(in: TrialCache.objects, using: &generator)
    let version = state.withLock { $0.versions[index] }
    return (try store.bind(index, version: version), index, version)
  }

  private func read(_ generator: inout SeededGenerator) throws {
    let (object, index, version) = try bind(&generator)
    for _ in 0..<50 {
      let block = UInt32.random(in: TrialCache.blocks, using: &generator)
      guard let words = object.words(ofBlock: block) else { continue }
      guard let content = BlockContent(decoding: words), content.object == index,
        content.block == block, content.version == version
      else { throw Violation("a read of block \(block) of object \(index) has wrong bytes") }
    }
  }

  private func fill(_ generator: inout SeededGenerator) throws {
    let (object, index, version) = try bind(&generator)
    for _ in 0..<10 {
      let block = UInt32.random(in: TrialCache.blocks, using: &generator)
      let number = state.withLock { state in
        state.lastFill += 1
        return state.lastFill
      }
      _ = object.fill(BlockContent(object: index, block: block, version: version, fill: number))
    }
    if Bool.random(using: &generator) { try store.flush() }
  }

  private func cull(_ generator: inout SeededGenerator) throws {
    let index = Int.random(in: TrialCache.objects, using: &generator)
    let key = TrialCache.key(of: index)
    switch Int.random(in: 0..<10, using: &generator) {
    case 0: _ = store.invalidate(key: key)
    case 1: _ = store.remove(key: key)
    case 2: state.withLock { $0.versions[index] += 1 }
    // Refused when it is too much, or when the object is gone.
    case 3: _ = try? store.pin(key: key, PinnedBlocks(ranges: [2..<6]))
    case 4: _ = try? store.unpin(key: key, .whole)
    case 5:
      let report = store.verify(repair: false)
      guard report.isClean else { throw Violation("verification found \(report)") }
    default: _ = store.cull(CullRequest(targetFreePercent: 50))
    }
    Linux.Thread.sleep(milliseconds: 2)
  }

  private func resize(_ generator: inout SeededGenerator) throws {
    let slotCount = TrialCache.slotCounts.randomElement(using: &generator) ?? TrialCache.slotCount
    do throws(StoreError) {
      try store.resize(to: TrialCache.capacity(ofSlots: slotCount))
      state.withLock { $0.resizingCount += 1 }
    } catch {
      // Too much is pinned.
      if error.code != .noSpace { throw error }
    }
    Linux.Thread.sleep(milliseconds: 20)
  }
}
