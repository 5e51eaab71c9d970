import BlockStore
import Bytes
import TestSupport
import Testing

@Suite struct CoherencyTests {
  let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  @Test func `other coherency data drops the blocks, for good`() throws {
    do {
      let store = try fixture.open()
      let old = try store.bind("a", version: "v1")
      old.fill(0, version: 1)
      try store.flush()
      let new = try store.bind("a", version: "v2")
      #expect(new.bytes(ofBlock: 0) == nil)
      var buffer = [UInt8](repeating: 0, count: 65536)
      var span = buffer.mutableRawSpan
      #expect(old.read(block: 0, into: &span) == .stale)
      #expect(old.isStale)
      old.fill(0, version: 1)
      #expect(new.bytes(ofBlock: 0) == nil)
      new.fill(0, version: 2)
      #expect(new.isRight(0, version: 2) == true)
      store.abandon()
    }
    let store = try fixture.open()
    #expect(try store.bind("a", version: "v2").bytes(ofBlock: 0) == nil)
    #expect(try store.bind("a", version: "v1").bytes(ofBlock: 0) == nil)
  }

  @Test func `another size drops the blocks`() throws {
    let store = try fixture.open()
    try store.bind("a", blocks: 4).fill(0)
    try store.flush()
    #expect(try store.bind("a", blocks: 5).bytes(ofBlock: 0) == nil)
    #expect(store.objects().count == 1)
  }

  @Test func `the same coherency data finds the blocks`() throws {
    let store = try fixture.open()
    try store.bind("a").fill(0)
    #expect(try store.bind("a").isRight(0) == true)
  }

  @Test func `invalidation makes blocks stale, frees their slots and survives a crash`() throws {
    do {
      let store = try fixture.open()
      let object = try store.bind("a")
      object.fill(0..<10)
      try store.flush()
      #expect(store.invalidate(key: Array("a".utf8)))
      #expect(!store.invalidate(key: Array("b".utf8)))
      #expect(object.isStale)
      try store.flush()
      #expect(store.status().blocks.used == 0)
      #expect(store.status().objectCount == 1)
      store.abandon()
    }
    let store = try fixture.open()
    #expect(store.status().blocks.used == 0)
    #expect(try store.bind("a").bytes(ofBlock: 0) == nil)
    #expect(store.verify(repair: false).isClean)
  }

  @Test func `a removed object is gone, and its name can be used again`() throws {
    let store = try fixture.open()
    let object = try store.bind("a")
    object.fill(0, version: 1)
    try store.flush()
    #expect(store.remove(key: Array("a".utf8)))
    #expect(!store.remove(key: Array("a".utf8)))
    #expect(store.objects().isEmpty)
    let again = try store.bind("a")
    #expect(again.bytes(ofBlock: 0) == nil)
    again.fill(0, version: 2)
    #expect(again.isRight(0, version: 2) == true)
    #expect(object.bytes(ofBlock: 0) == nil)
    try store.flush()
    #expect(store.status().blocks.used == 1)
  }

  @Test func `pending fills of an old epoch are not written`() throws {
    let store = try fixture.open()
    let old = try store.bind("a")
    old.fill(0)
    _ = store.invalidate(key: Array("a".utf8))
    try store.flush()
    #expect(store.status().blocks.used == 0)
    #expect(store.status().disk.filledBlocks == 0)
  }

  @Test func `an object without a name, and overlong coherency data, are refused`() throws {
    let store = try fixture.open()
    let overlong = [UInt8](repeating: 1, count: 4097)
    for (key, coherency) in [([], []), ([1], overlong)] as [([UInt8], [UInt8])] {
      let error = #expect(throws: StoreError.self) {
        _ = try store.bind(key: key, coherency: coherency, byteCount: 1)
      }
      #expect(error?.code == .badConfiguration)
    }
  }

  @Test(arguments: [1, 4095, 4096, 4097, 100_000])
  func `keys of any length tell objects apart, also after a crash`(keyByteCount: Int) throws {
    var keys = [[UInt8](repeating: 7, count: keyByteCount)]
    for edit in [0, keyByteCount / 2, keyByteCount - 1] {
      keys.append(keys[0])
      keys[keys.count - 1][edit] = UInt8(truncatingIfNeeded: 8 + keys.count)
    }
    keys.append(keys[0] + [7])
    do {
      let store = try fixture.open()
      for (index, key) in keys.enumerated() {
        let object = try store.bind(key: key, coherency: [], byteCount: 65536)
        #expect(object.bytes(ofBlock: 0) == nil)
        object.fill(0, version: UInt64(index))
      }
      #expect(store.objects().count == keys.count)
      try store.flush()
      store.abandon()
    }
    let store = try fixture.open()
    for (index, key) in keys.enumerated() {
      let object = try store.bind(key: key, coherency: [], byteCount: 65536)
      #expect(object.isRight(0, version: UInt64(index)) == true)
    }
    #expect(store.objects().count == keys.count)
  }

  @Test func `a key that reads like what stands for a longer one is another object`() throws {
    let store = try fixture.open()
    let long = try store.bind(
      key: [UInt8](repeating: 1, count: 5000), coherency: [], byteCount: 65536)
    long.fill(0)
    let standIn = try #require(store.objects().first).key
    #expect(standIn.count == 4096)
    let other = try store.bind(key: standIn, coherency: [], byteCount: 65536)
    #expect(other.bytes(ofBlock: 0) == nil)
    #expect(store.objects().count == 2)
  }

  @Test func `more objects than there is room for push out those without use`() throws {
    let store = try fixture.open()
    let limit = store.status().objectCountMax
    let held = try store.bind("held", blocks: 1)
    held.fill(0)
    for index in 0..<limit * 2 { _ = try store.bind("object \(index)", blocks: 1) }
    #expect(store.status().objectCount <= limit)
    #expect(held.isRight(0) == true)
    #expect(!held.isStale)
  }

  @Test func `a bound object too many caches nothing and fails nothing`() throws {
    let store = try fixture.open()
    let limit = store.status().objectCountMax
    let objects = try (0..<limit + 5).map { try store.bind("object \($0)", blocks: 1) }
    let last = try #require(objects.last)
    last.fill(0)
    #expect(last.bytes(ofBlock: 0) == nil)
    #expect(!last.contains(block: 0))
  }
}
