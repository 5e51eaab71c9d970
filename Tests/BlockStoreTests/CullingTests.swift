import BlockStore
import Bytes
import TestSupport
import Testing

@Suite struct CullingTests {
  let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  @Test(arguments: [16, 64, 300])
  func `a cache smaller than what is read through it stays within bounds`(slotCount: Int) throws {
    let store = try fixture.open(slotCount: slotCount, blockByteCount: 16 << 10)
    let object = try store.bind("image", blocks: slotCount * 4)
    for pass in 0..<2 {
      for block in 0..<UInt32(slotCount * 4) {
        if let isRight = object.isRight(block) { #expect(isRight) } else { object.fill(block) }
      }
      try store.flush()
      let status = store.status()
      #expect(status.usedByteCount <= status.capacityByteCount)
      #expect(status.blocks.used > slotCount / 2, "pass \(pass)")
      #expect(status.disk.refusedFills == 0)
    }
    #expect(store.verify(repair: false).isClean)
  }

  @Test func `blocks in use survive a scan`() throws {
    let store = try fixture.open(slotCount: 256, blockByteCount: 16 << 10)
    let object = try store.bind("image", blocks: 4000)
    object.fill(0..<64)
    try store.flush()
    for block in 0..<64 as Range<UInt32> { _ = object.isRight(block) }
    object.fill(100..<2000)
    try store.flush()
    let kept = (0..<64 as Range<UInt32>).filter { object.contains(block: $0) }
    #expect(kept.count >= 60)
  }

  @Test func `part of a loop that does not fit stays, where an LRU would keep nothing`() throws {
    let store = try fixture.open(slotCount: 256, blockByteCount: 16 << 10)
    let object = try store.bind("a", blocks: 384)
    var hitCount = 0
    for _ in 0..<8 {
      hitCount = 0
      for block in 0..<384 as Range<UInt32> {
        if object.contains(block: block) {
          object.noteUse(block: block)
          hitCount += 1
        } else {
          object.fill(block)
          if block % 16 == 0 { try store.flush() }
        }
      }
      try store.flush()
    }
    #expect(hitCount > 100)
  }

  @Test func `the coldest go first`() throws {
    let store = try fixture.open(slotCount: 128, blockByteCount: 16 << 10)
    let object = try store.bind("image", blocks: 100)
    object.fill(0..<100)
    try store.flush()
    for block in stride(from: 0, to: 100, by: 2) as StrideTo<UInt32> { _ = object.isRight(block) }
    let report = store.cull(CullRequest(byteCount: 50 * 16 << 10))
    #expect(report.blockCount == 50)
    for block in 0..<100 as Range<UInt32> {
      #expect(object.contains(block: block) == (block % 2 == 0))
    }
  }

  @Test func `uses that a tier above reports keep blocks warm`() throws {
    let store = try fixture.open(slotCount: 128, blockByteCount: 16 << 10)
    let object = try store.bind("image", blocks: 100)
    object.fill(0..<100)
    try store.flush()
    for block in 0..<10 as Range<UInt32> { object.noteUse(block: block) }
    _ = store.cull(CullRequest(byteCount: 90 * 16 << 10))
    #expect((0..<100 as Range<UInt32>).filter { object.contains(block: $0) } == Array(0..<10))
  }

  @Test func `recency survives a clean close`() throws {
    do {
      let store = try fixture.open(slotCount: 128, blockByteCount: 16 << 10)
      let object = try store.bind("image", blocks: 100)
      object.fill(0..<100)
      try store.flush()
      for block in 0..<20 as Range<UInt32> { _ = object.isRight(block) }
    }
    let store = try fixture.open()
    let object = try store.bind("image", blocks: 100)
    _ = store.cull(CullRequest(byteCount: 80 * 16 << 10))
    #expect((0..<100 as Range<UInt32>).filter { object.contains(block: $0) } == Array(0..<20))
  }

  @Test func `recency survives a crash as far as it was saved`() throws {
    do {
      let store = try fixture.open(slotCount: 128, blockByteCount: 16 << 10)
      let object = try store.bind("image", blocks: 110)
      object.fill(0..<100)
      try store.flush()
      for block in 0..<20 as Range<UInt32> { _ = object.isRight(block) }
      store.saveRecency()
      // What came after the saving is newer than what was never used.
      object.fill(100..<110)
      try store.flush()
      store.abandon()
    }
    let store = try fixture.open()
    let object = try store.bind("image", blocks: 110)
    _ = store.cull(CullRequest(byteCount: 80 * 16 << 10))
    let kept = (0..<110 as Range<UInt32>).filter { object.contains(block: $0) }
    #expect(kept == Array(0..<20) + Array(100..<110))
  }

  @Test func `a slot that was filled again since the saving is not taken for its old block`() throws
  {
    do {
      let store = try fixture.open(slotCount: 64, blockByteCount: 16 << 10)
      let object = try store.bind("old", blocks: 40)
      object.fill(0..<40)
      try store.flush()
      for block in 0..<40 as Range<UInt32> { _ = object.isRight(block) }
      store.saveRecency()
      #expect(store.remove(key: Array("old".utf8)))
      let new = try store.bind("new", blocks: 60)
      new.fill(0..<60)
      try store.flush()
      store.abandon()
    }
    let store = try fixture.open()
    let object = try store.bind("new", blocks: 60)
    let cachedCount = (0..<60 as Range<UInt32>).count { object.contains(block: $0) }
    _ = store.cull(CullRequest(byteCount: UInt64(cachedCount - 10) * 16 << 10))
    // By age alone, as if nothing had been saved.
    #expect((0..<60 as Range<UInt32>).filter { object.contains(block: $0) } == Array(50..<60))
  }

  @Test func `a target of half the blocks frees half of ten thousand`() throws {
    let store = try fixture.open(slotCount: 10_000, blockByteCount: 16 << 10)
    let object = try store.bind("image", blocks: 10_000)
    for block in 0..<9_300 as Range<UInt32> {
      object.fill(block)
      // A slow disk costs time here, and no blocks.
      if block % 500 == 0 { try store.flush() }
    }
    try store.flush()
    let plan = store.cull(CullRequest(targetFreePercent: 50, isDryRun: true))
    #expect(plan.isDryRun)
    #expect(plan.blockCount == 4_300)
    #expect(store.status().blocks.used == 9_300)
    let report = store.cull(CullRequest(targetFreePercent: 50))
    #expect(report.blockCount == 4_300)
    #expect(report.freeBlockCount == 5_000)
    #expect(store.status().blocks.free == 5_000)
    #expect(object.isRight(9_299) == true)
  }

  @Test func `the order of culling is told as it is carried out`() throws {
    let store = try fixture.open(slotCount: 128, blockByteCount: 16 << 10)
    let names = ["cold", "warm", "kept", "empty"]
    let objects = try names.map { try store.bind($0, blocks: 10) }
    for object in objects[0..<3] {
      object.fill(0..<10)
      try store.flush()
    }
    for block in 0..<10 as Range<UInt32> { _ = objects[1].isRight(block) }
    _ = objects[0].isRight(3)
    _ = try store.pin(key: Array("kept".utf8), .whole)
    let order = store.objectsInCullOrder()
    #expect(order.map(\.key) == ["cold", "warm", "empty", "kept"].map { Array($0.utf8) })
    #expect(order.map { $0.standing?.blocksAhead } == [0, 9, nil, nil])
    #expect(order.map { $0.standing?.usedOnceCount } == [9, 0, 0, 0])
    #expect(order.map { $0.standing?.usedAgainCount } == [1, 10, 0, 0])
    #expect(order.map { $0.standing?.pinnedCount } == [0, 0, 0, 10])
    #expect(store.cull(CullRequest(byteCount: 9 * 16 << 10)).blockCount == 9)
    #expect(objects[0].contains(block: 3))
    #expect((0..<10 as Range<UInt32>).allSatisfy { objects[1].contains(block: $0) })
  }

  @Test func `below the lowest mark nothing is taken in, and what is there is read`() throws {
    let limits = try CullLimits(brun: 40, bcull: 30, bstop: 20)
    let store = try fixture.open(slotCount: 100, blockByteCount: 16 << 10, limits: limits)
    let object = try store.bind("image", blocks: 200)
    object.fill(0..<50)
    _ = try store.pin(key: Array("image".utf8), PinnedBlocks(ranges: [0..<50]))
    try store.flush()
    // Fifty are pinned, thirty more may come: from there on each one pushes another one out.
    for block in 50..<200 as Range<UInt32> {
      object.fill(block)
      if block % 10 == 0 { try store.flush() }
    }
    try store.flush()
    #expect(store.status().blocks.free >= 20)
    for block in 0..<50 as Range<UInt32> { #expect(object.isRight(block) == true) }
  }

  @Test func `filters limit what is culled`() throws {
    let store = try fixture.open(slotCount: 64, blockByteCount: 16 << 10)
    let first = try store.bind("first", blocks: 10)
    let second = try store.bind("second", blocks: 10)
    for block in 0..<10 as Range<UInt32> {
      first.fill(block)
      second.fill(block)
    }
    #expect(store.cull(CullRequest(olderThanSeconds: 3600)).blockCount == 0)
    #expect(store.cull(CullRequest(key: Array("first".utf8))).blockCount == 10)
    #expect(!first.contains(block: 0))
    #expect(second.contains(block: 0))
    #expect(store.cull(CullRequest(key: Array("third".utf8))).blockCount == 0)
    #expect(store.cull(CullRequest(olderThanSeconds: 0)).blockCount == 10)
  }

  @Test func `new limits are acted on and remembered`() throws {
    let wide = try CullLimits(brun: 60, bcull: 50, bstop: 10)
    do {
      let store = try fixture.open(slotCount: 100, blockByteCount: 16 << 10)
      let object = try store.bind("image", blocks: 100)
      object.fill(0..<80)
      try store.flush()
      try store.setLimits(wide)
      #expect(store.status().blocks.free >= 60)
    }
    #expect(try fixture.open().status().limits == wide)
  }

  @Test(arguments: [(5, 7, 1), (7, 5, 5), (100, 5, 1), (7, 5, -1)])
  func `limits out of order are refused`(brun: Int, bcull: Int, bstop: Int) {
    let error = #expect(throws: StoreError.self) {
      _ = try CullLimits(brun: brun, bcull: bcull, bstop: bstop)
    }
    #expect(error?.code == .badConfiguration)
  }
}
