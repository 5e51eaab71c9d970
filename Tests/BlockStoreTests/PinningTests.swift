import BlockStore
import Bytes
import TestSupport
import Testing

@Suite struct PinningTests {
  let fixture: StoreFixture
  private let key = Array("a".utf8)

  init() throws {
    fixture = try StoreFixture()
  }

  private func open() throws -> CacheStore {
    try fixture.open(slotCount: 128, blockByteCount: 16 << 10)
  }

  /// Pushes everything out that may go.
  private func flood(_ store: CacheStore) throws {
    let filler = try store.bind("filler", blocks: 400)
    for block in 0..<400 as Range<UInt32> {
      filler.fill(block)
      if block % 16 == 0 { try store.flush() }
    }
    try store.flush()
    _ = store.cull(CullRequest(targetFreePercent: 100))
  }

  @Test func `pinned blocks outlive culling, and a restart`() throws {
    var store = try open()
    var object = try store.bind("a", blocks: 60)
    let report = try store.pin(key: key, PinnedBlocks(ranges: [0..<10, 20..<30]))
    #expect(report.blockCount == 20)
    #expect(report.allowedBlockCount == 64)
    // Before and after they are cached.
    object.fill(0..<60)
    try flood(store)
    let pinned = Array(0..<10) + Array(20..<30) as [UInt32]
    #expect((0..<60 as Range<UInt32>).filter { object.isRight($0) == true } == pinned)
    #expect(store.status().blocks.pinned == 20)
    store.close()
    store = try open()
    object = try store.bind("a", blocks: 60)
    #expect(store.status().blocks.pinned == 20)
    try flood(store)
    #expect((0..<60 as Range<UInt32>).filter { object.isRight($0) == true } == pinned)
  }

  @Test func `unpinned blocks can be culled again`() throws {
    let store = try open()
    let object = try store.bind("a", blocks: 60)
    object.fill(0..<60)
    try store.flush()
    _ = try store.pin(key: key, .whole)
    #expect(try store.unpin(key: key, PinnedBlocks(ranges: [10..<50])).blockCount == 20)
    #expect(store.status().blocks.pinned == 20)
    _ = try store.unpin(key: key, .whole)
    try flood(store)
    #expect(store.status().blocks.pinned == 0)
    #expect(store.status().blocks.used == 0)
  }

  @Test func `half of the cache can be pinned, and no more`() throws {
    let store = try open()
    _ = try store.bind("a", blocks: 60)
    _ = try store.bind("b", blocks: 60)
    _ = try store.pin(key: key, .whole)
    let error = #expect(throws: StoreError.self) {
      try store.pin(key: Array("b".utf8), PinnedBlocks(ranges: [0..<5]))
    }
    #expect(error?.code == .noSpace)
    #expect(try store.pin(key: Array("b".utf8), PinnedBlocks(ranges: [0..<4])).blockCount == 4)
    #expect(store.find(key: Array("b".utf8))?.pinnedBlockCount == 4)
  }

  @Test(.timeLimit(.minutes(1)))
  func `a cache whose other slots have all gone bad keeps what is pinned, and goes on`() throws {
    let store = try fixture.open(slotCount: 16, blockByteCount: 16 << 10)
    let pinned = try store.bind("a", blocks: 8)
    let other = try store.bind("other", blocks: 64)
    _ = try store.pin(key: key, .whole)
    pinned.fill(0..<8)
    try store.flush()
    let kept = Set((0..<8 as Range<UInt32>).compactMap { pinned.bytes(ofBlock: $0) })
    let disk = FailingDisk(path: fixture.dataPath, slotCount: 16, blockByteCount: 16 << 10)
    for block in 20..<40 as Range<UInt32> {
      other.fill(block)
      try store.flush()
      for (slot, bytes) in try disk.slots().enumerated() where !kept.contains(bytes) {
        try fixture.overwrite([0xFF, 0xFF, 0xFF], at: UInt64(1 << 20 + slot * 16 << 10))
      }
      #expect(other.isRight(block) == nil)
      try store.flush()
    }
    let blocks = store.status().blocks
    #expect(blocks.pinned == 8 && blocks.used == 8 && blocks.bad > 4, "\(blocks)")
    for block in 0..<8 as Range<UInt32> { #expect(pinned.isRight(block) == true) }
    #expect(store.verify(repair: true).isClean)
    other.fill(0)
    try store.flush()
    #expect(other.isRight(0) == true)
  }

  @Test func `what is not known cannot be pinned`() throws {
    let store = try open()
    let error = #expect(throws: StoreError.self) { try store.pin(key: key, .whole) }
    #expect(error?.code == .notFound)
  }

  @Test func `another version keeps a pin of the whole, and no other`() throws {
    let store = try open()
    _ = try store.bind("a", blocks: 20)
    _ = try store.bind("b", blocks: 20)
    _ = try store.pin(key: key, .whole)
    _ = try store.pin(key: Array("b".utf8), PinnedBlocks(ranges: [0..<4]))
    #expect(store.invalidate(key: Array("b".utf8)))
    #expect(store.find(key: Array("b".utf8))?.pinnedBlockCount == 4)
    _ = try store.bind("a", version: "v2", blocks: 30)
    _ = try store.bind("b", version: "v2", blocks: 30)
    #expect(store.find(key: key)?.pinnedBlockCount == 30)
    #expect(store.find(key: Array("b".utf8))?.pinnedBlockCount == 0)
    #expect(store.remove(key: key))
    _ = try store.bind("a", blocks: 20)
    #expect(store.find(key: key)?.pinnedBlockCount == 0)
  }

  @Test func `sets of blocks behave as sets`() {
    var generator = SeededGenerator(for: "PinningTests")
    for _ in 0..<200 {
      var model: Set<UInt32> = []
      var pins = PinnedBlocks(ranges: [])
      for _ in 0..<20 {
        let start = UInt32.random(in: 0..<200, using: &generator)
        let range = start..<start + UInt32.random(in: 0..<30, using: &generator)
        if Bool.random(using: &generator) {
          pins = pins.union(PinnedBlocks(ranges: [range]))
          model.formUnion(range)
        } else {
          pins = pins.subtracting(PinnedBlocks(ranges: [range]))
          model.subtract(range)
        }
        #expect(pins.ranges.flatMap(Array.init) == model.sorted(), "seed \(generator.seed)")
      }
    }
  }

  @Test func `many scattered ranges become fewer, and lose nothing`() {
    let ranges = (0..<500 as Range<UInt32>).map { $0 * 10..<$0 * 10 + 1 + $0 % 7 }
    let pins = PinnedBlocks(ranges: ranges)
    #expect(pins.ranges.count == PinnedBlocks.rangeCountMax)
    for range in ranges { #expect(pins.ranges.contains { $0.contains(range.lowerBound) }) }
  }
}
