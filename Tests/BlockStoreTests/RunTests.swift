import BlockStore
import Bytes
import Foundation
import TestSupport
import Testing

/// Blocks that lie side by side, and reads of several at once.
@Suite struct RunTests {
  let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  /// The blocks that one read of several lends, each with whether its bytes are right.
  private func read(_ blocks: [UInt32], of object: StoredObject) -> [UInt32: Bool] {
    var lent: [UInt32: Bool] = [:]
    _ = object.read(blocks: blocks) { block, bytes in
      #expect(lent[block] == nil)
      let wanted = StoreFixture.bytes(block, count: bytes.byteCount)
      lent[block] =
        bytes.byteCount == object.validByteCount(ofBlock: block)
        && difference(bytes.copyBytes(), wanted) == nil
    }
    return lent
  }

  @Test func `what is filled in order lies in order, also where room was made`() throws {
    let store = try fixture.open(slotCount: 256)
    let passing = try store.bind("passing", blocks: 200)
    passing.fill(0..<200)
    try store.flush()
    #expect(store.remove(key: Array("passing".utf8)))
    let object = try store.bind("a", blocks: 128)
    object.fill(0..<128)
    try store.flush()
    let offsets = try (0..<128).map { block in
      try fixture.slotOffset(holding: StoreFixture.bytes(block), slotCount: 256)
    }
    let breaks = (1..<128).filter { block in
      guard let before = offsets[block - 1], let offset = offsets[block] else { return true }
      return offset != before + 65536
    }
    // Once at the end of the file.
    #expect(breaks.count <= 1)
  }

  @Test func `what is filled out of order lies in order nevertheless`() throws {
    let store = try fixture.open()
    let object = try store.bind("a")
    for block in [3, 1, 0, 2, 7, 5, 4, 6] as [UInt32] { object.fill(block) }
    try store.flush()
    let offsets = try (0..<8).map { block in
      try #require(try fixture.slotOffset(holding: StoreFixture.bytes(block)))
    }
    // In one batch, or the disk was so slow that there were more.
    let breaks = (1..<8).count { offsets[$0] != offsets[$0 - 1] + 65536 }
    #expect(breaks < Int(max(1, store.status().disk.commits)))
  }

  @Test func `several blocks are read at once, whether on disk, on their way, or missing`() throws {
    let store = try fixture.open()
    let object = try store.bind("a", blocks: 60)
    object.fill(0..<20)
    try store.flush()
    object.fill(30..<32)
    let before = store.status().disk
    let lent = read([3, 4, 5, 6, 19, 20, 25, 30, 31, 59, 60, 1000], of: object)
    #expect(Set(lent.keys) == [3, 4, 5, 6, 19, 30, 31])
    #expect(lent.values.allSatisfy { $0 })
    let after = store.status().disk
    #expect(after.hits - before.hits == 7)
    #expect(after.misses - before.misses == 5)
  }

  @Test func `the short end of an object comes whole, alone or with others`() throws {
    let store = try fixture.open()
    let byteCount: UInt64 = 5 * 65536 + 777
    let object = try store.bind(key: [1], coherency: [], byteCount: byteCount)
    object.fill(0..<6)
    try store.flush()
    #expect(read([5], of: object) == [5: true])
    #expect(
      read(Array(0..<6), of: object) == [0: true, 1: true, 2: true, 3: true, 4: true, 5: true])
  }

  @Test func `a block that went bad costs itself alone`() throws {
    let store = try fixture.open()
    let object = try store.bind("a")
    object.fill(0..<16)
    try store.flush()
    let offset = try #require(try fixture.slotOffset(holding: StoreFixture.bytes(7)))
    try fixture.overwrite([0xAA], at: offset + 40_000)
    let lent = read(Array(0..<16), of: object)
    #expect(Set(lent.keys) == Set(0..<16).subtracting([7]))
    #expect(lent.values.allSatisfy { $0 })
    #expect(store.status().disk.checksumFailures == 1)
    #expect(object.isRight(7) == nil)
  }

  @Test func `an object that was invalidated lends nothing and is said to be stale`() throws {
    let store = try fixture.open()
    let object = try store.bind("a")
    object.fill(0)
    try store.flush()
    #expect(store.invalidate(key: Array("a".utf8)))
    #expect(!object.read(blocks: [0, 1]) { _, _ in Issue.record("a stale block") })
  }
}
