import BlockStore
import Bytes
import Linux
import TestSupport
import Testing

@Suite struct ObjectUseTests {
  let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  /// An object of four blocks on disk.
  private func makeObject(in store: CacheStore) throws -> StoredObject {
    let object = try store.bind("a", blocks: 4)
    for block in 0..<4 as Range<UInt32> { object.fill(block, version: 1) }
    try store.flush()
    return object
  }

  @Test(arguments: [false, true])
  func `an object that was being changed is dropped at the next opening`(isCrash: Bool) throws {
    do {
      let store = try fixture.open()
      let object = try makeObject(in: store)
      try store.bind("b").fill(0)
      #expect(object.use(willModify: true))
      object.fill(1, version: 2)
      try store.flush()
      #expect(object.isRight(1, version: 2) == true)
      if isCrash { store.abandon() } else { store.close() }
    }
    let store = try fixture.open()
    #expect(store.find(key: Array("a".utf8)) == nil)
    #expect(try store.bind("a", blocks: 4).bytes(ofBlock: 0) == nil)
    #expect(try store.bind("b").isRight(0) == true)
    #expect(store.verify(repair: false).isClean)
  }

  @Test func `an object whose uses have all ended is kept, with its new coherency data`() throws {
    do {
      let store = try fixture.open()
      let object = try makeObject(in: store)
      #expect(object.use(willModify: true))
      #expect(object.use(willModify: false))
      object.fill(1, version: 2)
      #expect(object.unuse())
      #expect(object.unuse(coherency: Array("v2".utf8), byteCount: nil))
      #expect(!object.unuse())
      #expect(!object.isStale)
      store.abandon()
    }
    let store = try fixture.open()
    let object = try store.bind("a", version: "v2", blocks: 4)
    #expect(object.isRight(0, version: 1) == true)
    #expect(object.isRight(1, version: 2) == true)
  }

  @Test func `a use that has not ended keeps the mark`() throws {
    do {
      let store = try fixture.open()
      let object = try makeObject(in: store)
      #expect(object.use(willModify: true))
      #expect(object.use(willModify: true))
      #expect(object.unuse())
      store.abandon()
    }
    #expect(try fixture.open().objects().isEmpty)
  }

  @Test func `reading use leaves no mark`() throws {
    do {
      let store = try fixture.open()
      let object = try makeObject(in: store)
      #expect(object.use(willModify: false))
      store.abandon()
    }
    #expect(try fixture.open().bind("a", blocks: 4).isRight(2, version: 1) == true)
  }

  @Test func `a change that could not be taken in is never read as it was before`() throws {
    let store = try fixture.open()
    let object = try makeObject(in: store)
    #expect(object.use(willModify: true))
    // Too short for the block: refused, as on a full disk.
    #expect(!object.take(1, [UInt8](repeating: 1, count: 10)))
    for block in 0..<4 as Range<UInt32> { #expect(object.bytes(ofBlock: block) == nil) }
    #expect(object.read(blocks: [0, 1, 2, 3]) { block, _ in Issue.record("block \(block)") })
    #expect(!object.contains(block: 0))
    #expect(object.unuse(coherency: Array("v2".utf8)))
    #expect(object.isStale)
    let renewed = try store.bind("a", version: "v2", blocks: 4)
    #expect(renewed.bytes(ofBlock: 1) == nil)
    renewed.fill(1, version: 2)
    #expect(renewed.isRight(1, version: 2) == true)
  }

  @Test func `invalidation ends a change`() throws {
    do {
      let store = try fixture.open()
      let object = try makeObject(in: store)
      #expect(object.use(willModify: true))
      #expect(object.invalidate())
      #expect(object.isStale)
      #expect(!object.invalidate())
      #expect(!object.unuse())
      #expect(!object.use(willModify: true))
      store.abandon()
    }
    #expect(try fixture.open().objects().count == 1)
  }

  @Test func `a retired object is gone; a later one of its name is not touched`() throws {
    let store = try fixture.open()
    let object = try makeObject(in: store)
    #expect(object.retire())
    #expect(store.objects().isEmpty)
    let next = try makeObject(in: store)
    #expect(!object.retire())
    #expect(next.isRight(0, version: 1) == true)
  }

  @Test(arguments: [0, 1, 65535, 65536, 65537, 3 * 65536, 4 * 65536, 4 * 65536 + 1, 9 * 65536])
  func `resizing keeps the blocks that end where they did`(byteCount: Int) throws {
    do {
      let store = try fixture.open()
      let object = try makeObject(in: store)
      #expect(object.resize(to: UInt64(byteCount)))
      #expect(object.byteCount == UInt64(byteCount))
      try expectWhole(object, upTo: min(byteCount, 4 * 65536))
      #expect(object.resize(to: 4 * 65536))
      try expectWhole(object, upTo: min(byteCount, 4 * 65536))
      #expect(store.verify(repair: false).isClean)
      #expect(object.resize(to: UInt64(byteCount)))
      store.abandon()
    }
    let store = try fixture.open()
    let object = try store.bind(
      key: Array("a".utf8), coherency: Array("v1".utf8), byteCount: UInt64(byteCount))
    try expectWhole(object, upTo: min(byteCount, 4 * 65536))
    #expect(store.status().blocks.used == min(byteCount / 65536, 4))
  }

  private func expectWhole(_ object: StoredObject, upTo byteCount: Int) throws {
    for block in 0..<10 as Range<UInt32> {
      let isWhole = Int(block + 1) * 65536 <= byteCount
      #expect(object.isRight(block, version: 1) == (isWhole ? true : nil), "block \(block)")
    }
  }

  @Test func `a tail filled before the object grew is not read as longer`() throws {
    let store = try fixture.open()
    let object = try store.bind(key: [1], coherency: [], byteCount: 100)
    object.fill(0)
    #expect(object.resize(to: 65536))
    #expect(object.bytes(ofBlock: 0) == nil)
    #expect(store.status().disk.checksumFailures == 0)
  }

  @Test func `blocks are acknowledged when durable, and when they are dropped`() throws {
    do {
      let store = try fixture.open()
      let object = try store.bind("a", blocks: 4)
      let outcomes = Lock([Bool]())
      let note: @Sendable (Bool) -> Void = { isDurable in
        outcomes.withLock { $0.append(isDurable) }
      }
      let bytes = StoreFixture.bytes(0)
      #expect(object.take(0, bytes, onSettled: note))
      try object.flush()
      #expect(outcomes.withLock { $0 } == [true])
      #expect(!object.take(9, bytes, onSettled: note))
      #expect(object.take(1, bytes, onSettled: note))
      #expect(object.invalidate())
      try store.flush()
      #expect(outcomes.withLock { $0 } == [true, false])
      let renewed = try store.bind("a", blocks: 4)
      #expect(renewed.take(2, bytes, onSettled: note))
      store.abandon()
      #expect(outcomes.withLock { $0 }.count == 3)
    }
  }

  @Test func `what was acknowledged is there after a crash`() throws {
    let acknowledged = Lock(Set<UInt32>())
    do {
      let store = try fixture.open()
      let object = try store.bind("a", blocks: 40)
      for block in 0..<40 as Range<UInt32> {
        _ = object.take(block, StoreFixture.bytes(block)) { isDurable in
          if isDurable { acknowledged.withLock { _ = $0.insert(block) } }
        }
        if block == 20 { try store.flush() }
      }
      store.abandon()
    }
    let object = try fixture.open().bind("a", blocks: 40)
    #expect(acknowledged.withLock { $0.count } >= 21)
    for block in acknowledged.withLock({ $0 }) { #expect(object.isRight(block) == true) }
  }

  @Test func `a withdrawn cache misses until it is opened again`() throws {
    do {
      let store = try fixture.open()
      let object = try store.bind("a")
      object.fill(0)
      store.withdraw()
      #expect(object.bytes(ofBlock: 0) == nil)
      #expect(!object.take(1, StoreFixture.bytes(1)))
      #expect(store.status().service == .none)
    }
    #expect(try fixture.open().bind("a").isRight(0) == true)
  }
}
