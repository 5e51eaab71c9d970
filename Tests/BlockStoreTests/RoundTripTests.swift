import BlockStore
import Bytes
import Foundation
import TestSupport
import Testing

@Suite struct RoundTripTests {
  let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  @Test func `a block is readable at once, after a flush, and after reopening`() throws {
    do {
      let store = try fixture.open()
      let object = try store.bind("a")
      #expect(object.bytes(ofBlock: 3) == nil)
      object.fill(3)
      #expect(object.isRight(3) == true)
      #expect(object.contains(block: 3))
      try store.flush()
      #expect(object.isRight(3) == true)
      #expect(store.status().blocks.used == 1)
      store.close()
      #expect(object.bytes(ofBlock: 3) == nil)
    }
    let store = try fixture.open()
    #expect(store.openReport.blockCount == 1)
    #expect(store.openReport.notes.isEmpty)
    #expect(try store.bind("a").isRight(3) == true)
  }

  @Test func `the last block is as long as the object`() throws {
    let store = try fixture.open()
    let object = try store.bind(key: [1], coherency: [], byteCount: 65536 + 100)
    object.fill(0)
    object.fill(1)
    object.fill(2)
    try store.flush()
    #expect(object.bytes(ofBlock: 1)?.count == 100)
    #expect(object.isRight(1) == true)
    #expect(object.bytes(ofBlock: 2) == nil)
    let description = try #require(store.find(key: [1]))
    #expect(description.cachedByteCount == 65536 + 100)
    #expect(description.blockCount == 2)
  }

  @Test func `a fill of the wrong length is dropped`() throws {
    let store = try fixture.open()
    let object = try store.bind("a")
    object.fill(block: 0, with: [1, 2, 3].rawSpan)
    #expect(!object.contains(block: 0))
    #expect(store.status().disk.droppedFills == 1)
  }

  @Test func `a block filled again has the newer bytes, and takes one slot`() throws {
    let store = try fixture.open()
    let object = try store.bind("a")
    for version in 0..<5 as Range<UInt64> {
      object.fill(7, version: version)
      #expect(object.isRight(7, version: version) == true)
      if version % 2 == 0 { try store.flush() }
      #expect(object.isRight(7, version: version) == true)
    }
    try store.flush()
    #expect(store.status().blocks.used == 1)
    #expect(store.verify(repair: false).isClean)
  }

  @Test func `what was flushed survives the death of the process`() throws {
    do {
      let store = try fixture.open()
      let object = try store.bind("a")
      object.fill(0..<20)
      try store.flush()
      object.fill(30)
      store.abandon()
    }
    let store = try fixture.open()
    #expect(store.openReport.notes.isEmpty)
    let object = try store.bind("a")
    for block in 0..<20 as Range<UInt32> { #expect(object.isRight(block) == true) }
    #expect(object.bytes(ofBlock: 30) == nil)
    #expect(store.verify(repair: false).isClean)
  }

  @Test(StoreFixture.forFiles)
  func `a copy taken of a live cache opens with what was flushed`() throws {
    let store = try fixture.open()
    let object = try store.bind("a")
    object.fill(0..<20)
    try store.flush()
    let copy = try StoreFixture()
    try FileManager.default.copyItem(atPath: fixture.path, toPath: copy.path)
    let second = try copy.open()
    let other = try second.bind("a")
    for block in 0..<20 as Range<UInt32> { #expect(other.isRight(block) == true) }
  }

  @Test(arguments: [16 << 10, 256 << 10, 1 << 20])
  func `other block sizes work`(blockByteCount: Int) throws {
    do {
      let store = try fixture.open(slotCount: 16, blockByteCount: blockByteCount)
      let object = try store.bind("a", blocks: 8)
      object.fill(0..<8)
      try store.flush()
      for block in 0..<8 as Range<UInt32> { #expect(object.isRight(block) == true) }
    }
    let store = try fixture.open()
    #expect(store.blockByteCount == blockByteCount)
    #expect(try store.bind("a", blocks: 8).isRight(5) == true)
  }

  @Test func `files are for their owner only`() throws {
    let store = try fixture.open()
    func mode(_ path: String) throws -> Int? {
      try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }
    #expect(try mode(fixture.path) == 0o700)
    if !StoreFixture.usesDevice { #expect(try mode(fixture.dataPath) == 0o600) }
    #expect(try mode("\(fixture.path)/index") == 0o700)
    #expect(try mode("\(fixture.path)/index/data.mdb") == 0o600)
    store.close()
  }

  @Test func `objects are listed with what is cached of them`() throws {
    let store = try fixture.open()
    let first = try store.bind("b", version: "etag")
    _ = try store.bind("a", blocks: 2)
    first.fill(0)
    first.fill(1)
    try store.flush()
    let objects = store.objects()
    #expect(objects.map(\.key) == [Array("a".utf8), Array("b".utf8)])
    #expect(objects[1].coherency == Array("etag".utf8))
    #expect(objects[1].blockCount == 2)
    #expect(objects[1].cachedByteCount == 131_072)
    #expect(objects[1].isBound)
    #expect(objects[1].lastUse > 1_600_000_000)
    #expect(store.find(key: [9]) == nil)
  }

  @Test func `fills and reads from many threads stay right`() throws {
    let store = try fixture.open(slotCount: 256)
    let object = try store.bind("a", blocks: 512)
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      var generator = SeededGenerator(seed: UInt64(thread))
      for _ in 0..<400 {
        let block = UInt32.random(in: 0..<512, using: &generator)
        if let isRight = object.isRight(block) {
          #expect(isRight)
        } else {
          object.fill(block)
        }
      }
    }
    try store.flush()
    let status = store.status()
    #expect(status.blocks.used <= 256)
    #expect(status.disk.checksumFailures == 0)
    #expect(store.verify(repair: false).isClean)
  }
}
