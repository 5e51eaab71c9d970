import BlockStore
import Bytes
import Foundation
import TestSupport
import Testing

@Suite struct ResizingTests {
  let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  private func open() throws -> CacheStore {
    try fixture.open(slotCount: 100, blockByteCount: 16 << 10)
  }

  @Test func `a grown cache keeps what it has and takes more, also after a restart`() throws {
    let store = try open()
    let object = try store.bind("a", blocks: 1000)
    object.fill(0..<80)
    try store.resize(to: capacity(1000))
    #expect(store.status().blocks.total == 1000)
    for block in 80..<900 as Range<UInt32> {
      object.fill(block)
      if block % 20 == 0 { try store.flush() }
    }
    try store.flush()
    #expect(rightBlocks(of: object, among: 1000).count == 900)
    store.close()
    let reopened = try open()
    #expect(reopened.status().blocks.total == 1000)
    #expect(rightBlocks(of: try reopened.bind("a", blocks: 1000), among: 1000).count == 900)
    #expect(reopened.verify(repair: false).isClean)
  }

  @Test func `a shrunk cache keeps what fits, and gives the disk its space back`() throws {
    let store = try fixture.open(slotCount: 1000, blockByteCount: 16 << 10)
    let object = try store.bind("a", blocks: 1000)
    for block in 0..<800 as Range<UInt32> {
      object.fill(block)
      if block % 100 == 0 { try store.flush() }
    }
    try store.flush()
    try store.resize(to: capacity(100))
    let status = store.status()
    #expect(status.blocks.total == 100)
    #expect(status.blocks.used + status.blocks.free == 100)
    if !StoreFixture.usesDevice {
      let byteCount = try FileManager.default.attributesOfItem(atPath: fixture.dataPath)[.size]
      #expect(byteCount as? Int == 1 << 20 + 100 * 16 << 10)
    }
    let kept = rightBlocks(of: object, among: 1000)
    #expect(kept.count == status.blocks.used)
    #expect(kept.count > 50)
    for block in 900..<1000 as Range<UInt32> {
      object.fill(block)
      try store.flush()
    }
    #expect(object.isRight(999) == true)
    store.close()
    let reopened = try open()
    #expect(reopened.status().blocks.total == 100)
    #expect(try reopened.bind("a", blocks: 1000).isRight(999) == true)
    #expect(reopened.verify(repair: false).isClean)
  }

  @Test(.timeLimit(.minutes(3)))
  func `pinned blocks for which bad slots leave no room keep the cache from shrinking`() throws {
    let store = try fixture.open(slotCount: 64)
    let object = try store.bind("a")
    object.fill(0..<60)
    try store.flush()
    _ = try store.pin(key: Array("a".utf8), PinnedBlocks(ranges: [36..<60]))
    for block in 0..<36 as Range<UInt32> {
      let bytes = StoreFixture.bytes(block)
      if let offset = try fixture.slotOffset(holding: bytes) {
        try fixture.overwrite([0xAA], at: offset + 100)
      }
      #expect(object.bytes(ofBlock: block) == nil)
    }
    let error = #expect(throws: StoreError.self) { try store.resize(to: 48 * 65536) }
    #expect(error?.code == .noSpace)
    #expect(store.status().blocks.total == 64)
    for block in 36..<60 as Range<UInt32> { #expect(object.isRight(block) == true) }
    #expect(store.verify(repair: true).isClean)
    try store.resize(to: 48 * 65536)
    for block in 36..<60 as Range<UInt32> { #expect(object.isRight(block) == true) }
  }

  @Test func `blocks of a cache that is mostly empty survive its shrinking`() throws {
    let store = try fixture.open(slotCount: 1000, blockByteCount: 16 << 10)
    let passing = try store.bind("passing", blocks: 600)
    for block in 0..<600 as Range<UInt32> {
      passing.fill(block)
      if block % 100 == 0 { try store.flush() }
    }
    let object = try store.bind("a", blocks: 100)
    object.fill(0..<50)
    try store.flush()
    #expect(store.remove(key: Array("passing".utf8)))
    try store.resize(to: capacity(200))
    #expect(rightBlocks(of: object, among: 100).count == 50)
  }

  @Test func `pinned blocks move out of the way of a shrinking, and too many forbid it`() throws {
    let store = try fixture.open(slotCount: 1000, blockByteCount: 16 << 10)
    let filler = try store.bind("filler", blocks: 900)
    for block in 0..<900 as Range<UInt32> {
      filler.fill(block)
      if block % 100 == 0 { try store.flush() }
    }
    let object = try store.bind("a", blocks: 100)
    _ = try store.pin(key: Array("a".utf8), .whole)
    object.fill(0..<100)
    try store.flush()
    let error = #expect(throws: StoreError.self) { try store.resize(to: capacity(150)) }
    #expect(error?.code == .noSpace)
    #expect(store.status().blocks.total == 1000)
    try store.resize(to: capacity(200))
    #expect(rightBlocks(of: object, among: 100).count == 100)
    #expect(store.status().blocks.pinned == 100)
  }

  @Test func `reads and fills go on while the size changes`() throws {
    let store = try fixture.open(slotCount: 600, blockByteCount: 16 << 10)
    let object = try store.bind("a", blocks: 2000)
    let seed = SeededGenerator(for: "ResizingTests").seed
    DispatchQueue.concurrentPerform(iterations: 2) { thread in
      var generator = SeededGenerator(seed: seed &+ UInt64(thread))
      guard thread == 0 else {
        for _ in 0..<20 {
          let byteCount = capacity(Int.random(in: 100...1200, using: &generator))
          #expect(throws: Never.self, "seed \(seed)") { try store.resize(to: byteCount) }
        }
        return
      }
      for _ in 0..<3000 {
        let block = UInt32.random(in: 0..<2000, using: &generator)
        if let isRight = object.isRight(block) {
          #expect(isRight, "seed \(seed)")
        } else {
          object.fill(block)
        }
      }
    }
    try store.resize(to: capacity(300))
    #expect(store.verify(repair: false).isClean)
    let blocks = store.status().blocks
    #expect(blocks.used + blocks.free + blocks.bad == 300)
  }

  @Test(.timeLimit(.minutes(3)))
  func `pins that are set while the size changes leave room for everything`() throws {
    let store = try open()
    let pinned = try store.bind("a", blocks: 40)
    let filler = try store.bind("filler", blocks: 200)
    let seed = SeededGenerator(for: "ResizingTests").seed
    DispatchQueue.concurrentPerform(iterations: 3) { thread in
      var generator = SeededGenerator(seed: seed &+ UInt64(thread))
      for _ in 0..<100 {
        let count = UInt32.random(in: 1...40, using: &generator)
        switch thread {
        case 0:
          // Refused while too much is pinned.
          _ = try? store.resize(to: capacity(Int.random(in: 24...100, using: &generator)))
        case 1:
          _ = try? store.pin(key: Array("a".utf8), PinnedBlocks(ranges: [0..<count]))
          _ = try? store.unpin(key: Array("a".utf8), PinnedBlocks(ranges: [count / 2..<40]))
        default:
          pinned.fill(0..<count)
          filler.fill(4 * count..<5 * count)
          _ = try? store.flush()
        }
      }
    }
    let report = store.verify(repair: false)
    #expect(report.isClean, "seed \(seed): \(report)")
    let blocks = store.status().blocks
    #expect(blocks.used + blocks.free == blocks.total, "seed \(seed): \(blocks)")
    #expect(blocks.pinned <= blocks.total / 2, "seed \(seed): \(blocks)")
  }

  @Test func `what is culled to make room for pinned blocks that move is culled once`() throws {
    let store = try open()
    let hot = try store.bind("hot", blocks: 60)
    for block in 0..<60 as Range<UInt32> {
      hot.fill(block)
      if block % 10 == 9 { try store.flush() }
    }
    // Behind them, pinned blocks and cold ones, side by side.
    let (cold, pinned) = (try store.bind("cold", blocks: 15), try store.bind("a", blocks: 15))
    _ = try store.pin(key: Array("a".utf8), .whole)
    for block in 0..<15 as Range<UInt32> {
      cold.fill(block)
      pinned.fill(block)
      if block % 5 == 4 { try store.flush() }
    }
    // The first five are what has to go when the shrinking begins; then come those behind.
    for block in 5..<60 as Range<UInt32> { #expect(hot.isRight(block) == true) }
    try store.resize(to: capacity(60))
    let report = store.verify(repair: false)
    #expect(report.isClean, "\(report)")
    let blocks = store.status().blocks
    #expect(blocks.used + blocks.free == 60, "\(blocks)")
    #expect(rightBlocks(of: pinned, among: 15).count == 15)
  }

  @Test func `a size that no cache can have is refused`() throws {
    let store = try open()
    let error = #expect(throws: StoreError.self) { try store.resize(to: 1000) }
    #expect(error?.code == .badConfiguration)
    #expect(store.status().blocks.total == 100)
  }
}

private func capacity(_ slotCount: Int) -> UInt64 { UInt64(slotCount * 16 << 10) }

private func rightBlocks(of object: StoredObject, among count: UInt32) -> [UInt32] {
  (0..<count).filter { object.isRight($0) == true }
}
