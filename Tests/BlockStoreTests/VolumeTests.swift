import BlockStore
import Bytes
import TestSupport
import Testing

@Suite struct VolumeTests {
  let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  private func acquire(
    _ store: CacheStore, _ name: String, version: String = "v1"
  ) throws -> Volume {
    try store.acquireVolume(key: Array(name.utf8), coherency: Array(version.utf8))
  }

  private func bind(_ volume: Volume, _ name: String) throws -> StoredObject {
    try volume.bind(key: Array(name.utf8), coherency: [], byteCount: 10 * 65536)
  }

  @Test func `objects of the same name in different volumes are different`() throws {
    do {
      let store = try fixture.open()
      for (index, name) in ["one", "two"].enumerated() {
        try bind(acquire(store, name), "a").fill(0, version: UInt64(index))
      }
      try store.bind("a", blocks: 10).fill(0, version: 2)
      #expect(store.objects().map(\.volumeKey) == [[], Array("one".utf8), Array("two".utf8)])
      try store.flush()
      store.abandon()
    }
    let store = try fixture.open()
    #expect(try bind(acquire(store, "one"), "a").isRight(0, version: 0) == true)
    #expect(try bind(acquire(store, "two"), "a").isRight(0, version: 1) == true)
    #expect(try bind(acquire(store, "two"), "a").bytes(ofBlock: 1) == nil)
    #expect(try store.bind("a", version: "", blocks: 10).bytes(ofBlock: 0) == nil)
    #expect(try acquire(store, "two").objects().count == 1)
    #expect(store.verify(repair: false).isClean)
  }

  @Test(arguments: [false, true])
  func `other coherency data drops a volume's objects, for good`(isCrash: Bool) throws {
    do {
      let store = try fixture.open(slotCount: 128)
      let old = try acquire(store, "images")
      let objects = try (0..<20).map { try bind(old, "object \($0)") }
      for object in objects { object.fill(0) }
      try bind(acquire(store, "others"), "a").fill(0)
      try store.flush()
      let new = try acquire(store, "images", version: "v2")
      #expect(old.isStale)
      #expect(objects.allSatisfy { $0.isStale && $0.bytes(ofBlock: 0) == nil })
      #expect(new.objects().isEmpty)
      #expect(try bind(new, "object 0").bytes(ofBlock: 0) == nil)
      // The stale volume's objects are nobody's.
      let stray = try bind(old, "object 1")
      stray.fill(0)
      #expect(stray.bytes(ofBlock: 0) == nil)
      if isCrash { store.abandon() } else { store.close() }
    }
    let store = try fixture.open()
    #expect(store.status().blocks.used == 1)
    #expect(try bind(acquire(store, "images", version: "v2"), "object 3").bytes(ofBlock: 0) == nil)
    #expect(try bind(acquire(store, "images", version: "v1"), "object 3").bytes(ofBlock: 0) == nil)
    #expect(try bind(acquire(store, "others"), "a").isRight(0) == true)
    #expect(store.verify(repair: false).isClean)
  }

  @Test func `a retired volume is gone with its objects, and its name is free`() throws {
    let store = try fixture.open()
    let volume = try acquire(store, "images")
    let object = try bind(volume, "a")
    object.fill(0)
    try volume.flush()
    #expect(volume.retire())
    #expect(!volume.retire())
    #expect(volume.isStale)
    #expect(object.isStale)
    #expect(store.objects().isEmpty)
    try store.flush()
    #expect(store.status().blocks.used == 0)
    #expect(try bind(acquire(store, "images"), "a").bytes(ofBlock: 0) == nil)
  }

  @Test func `more volumes than there is room for push out those without objects`() throws {
    let store = try fixture.open()
    let held = try acquire(store, "held")
    let full = try acquire(store, "full")
    let object = try bind(full, "a")
    object.fill(0)
    for index in 0..<store.status().objectCountMax * 2 {
      let volume = try acquire(store, "volume \(index)")
      #expect(try bind(volume, "a").use(willModify: false))
    }
    #expect(!held.isStale)
    #expect(object.isRight(0) == true)
  }

  @Test(arguments: [0, 255])
  func `names beyond the limits are refused`(byteCount: Int) throws {
    let store = try fixture.open()
    let error = #expect(throws: StoreError.self) {
      _ = try store.acquireVolume(
        key: [UInt8](repeating: 1, count: byteCount), coherency: [])
    }
    #expect(error?.code == .badConfiguration)
  }
}
