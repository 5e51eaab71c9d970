import BlockStore
import Bytes
import Foundation
import TestSupport
import Testing

/// Caches that the machine stopped under: the index is checked in another process, or not believed.
@Suite struct SuspectIndexTests {
  private static let slotCount = 512
  private static let blockByteCount = 16 << 10

  let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  private func open(_ helper: IndexHelper? = StoreFixture.indexHelper) throws -> CacheStore {
    try fixture.open(
      slotCount: Self.slotCount, blockByteCount: Self.blockByteCount, indexHelper: helper)
  }

  /// Fills a cache, with pages freed and used again in its index, and leaves it open.
  private func makeSuspect() throws {
    let store = try open()
    let (old, kept) = (try store.bind("old"), try store.bind("kept", blocks: 300))
    old.fill(0..<64)
    try store.flush()
    for block in 0..<300 as Range<UInt32> {
      kept.fill(block)
      if block % 50 == 0 { try store.flush() }
    }
    try store.flush()
    #expect(store.remove(key: Array("old".utf8)))
    let digest = try #require(Digest([UInt8](repeating: 7, count: Digest.byteCount)))
    for file in 0..<200 as Range<UInt64> {
      kept.noteFingerprint(digest, ofFile: file, byteCount: file)
    }
    store.saveRecency()
    _ = try store.pin(key: Array("kept".utf8), PinnedBlocks(ranges: [3..<7, 9..<10]))
    store.abandon()
    try fixture.pretendReboot()
  }

  @Test func `a whole index keeps its content`() throws {
    try makeSuspect()
    let store = try open()
    #expect(store.openReport.notes.isEmpty)
    let object = try store.bind("kept", blocks: 300)
    for block in 0..<300 as Range<UInt32> { #expect(object.isRight(block) == true) }
    #expect(store.status().blocks.pinned == 5)
    #expect(object.fingerprints().count == 200)
    #expect(store.verify(repair: false).isClean)
  }

  @Test(arguments: [
    nil, IndexHelper(program: "false"), IndexHelper(program: "/nonexistent"),
    IndexHelper(program: "sh", arguments: ["-c", "kill -SEGV $$"]),
  ])
  func `an index that nobody vouches for is begun anew`(helper: IndexHelper?) throws {
    try makeSuspect()
    let store = try open(helper)
    #expect(store.openReport.notes.count == 1)
    #expect(store.openReport.blockCount == 0)
    let object = try store.bind("kept", blocks: 300)
    #expect(object.bytes(ofBlock: 0) == nil)
    object.fill(0)
    try store.flush()
    #expect(object.isRight(0) == true)
  }

  @Test func `a cache of the same boot asks nobody`() throws {
    try makeSuspect()
    try fixture.pretendReboot()
    #expect(try open(IndexHelper(program: "false")).openReport.notes.isEmpty)
  }

  @Test(.timeLimit(.minutes(3)))
  func `whatever became of the index, a hit is right`() throws {
    var generator = SeededGenerator(for: "SuspectIndexTests")
    try makeSuspect()
    let index = "\(fixture.path)/index/data.mdb"
    let header = try fixture.read(count: 8192, at: 0)
    let whole = [UInt8](try Data(contentsOf: URL(filePath: index)))
    // The rest of the file is reserved only.
    let usedCount = (whole.lastIndex { $0 != 0 } ?? 0) / 4096 + 1
    var keptCount = 0
    for _ in 0..<60 {
      var bytes = whole
      let page = Int.random(in: 0..<usedCount, using: &generator) * 4096
      switch Int.random(in: 0..<6, using: &generator) {
      case 0: bytes.removeLast(bytes.count - Int.random(in: 0...page, using: &generator))
      case 1:
        let other = Int.random(in: 0..<usedCount, using: &generator) * 4096
        bytes.replaceSubrange(page..<page + 4096, with: whole[other..<other + 4096])
      case 2: bytes.replaceSubrange(page..<page + 4096, with: generator.bytes(count: 4096))
      case 3: bytes[page + Int.random(in: 0..<4096, using: &generator)] ^= 1
      case 4:
        // A header, where a small change does the most harm.
        bytes[page + Int.random(in: 0..<160, using: &generator)] ^= UInt8.random(
          in: 1...255, using: &generator)
      default:
        let start = page + 512 * Int.random(in: 0..<8, using: &generator)
        bytes.replaceSubrange(start..<start + 512, with: [UInt8](repeating: 0, count: 512))
      }
      try Data(bytes).write(to: URL(filePath: index))
      try fixture.overwrite(header, at: 0)
      let store = try open()
      if store.openReport.blockCount > 0 { keptCount += 1 }
      let object = try store.bind("kept", blocks: 300)
      for block in 0..<300 as Range<UInt32> {
        #expect(object.isRight(block) != false)
        if block % 3 == 0 { object.fill(block) }
      }
      try store.flush()
      for block in 0..<300 as Range<UInt32> where block % 3 == 0 {
        #expect(object.isRight(block) == true)
      }
      #expect(store.remove(key: Array("kept".utf8)))
      store.close()
    }
    print("SuspectIndexTests: \(keptCount) of 60 damaged indexes were believed, or in part")
  }
}
