import BlockStore
import Bytes
import Foundation
import TestSupport
import Testing

@Suite struct DamageTests {
  let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  @Test func `a flipped bit in a block is a miss, counted, and the slot is retired`() throws {
    try fixture.makeCache()
    let bytes = StoreFixture.bytes(2)
    let offset = try #require(try fixture.slotOffset(holding: bytes))
    try fixture.overwrite([bytes[40] ^ 1], at: offset + 40)
    let store = try fixture.open()
    let object = try store.bind("a")
    #expect(object.bytes(ofBlock: 2) == nil)
    #expect(object.isRight(1) == true)
    try store.flush()
    let status = store.status()
    #expect(status.disk.checksumFailures == 1)
    #expect(status.blocks.bad == 1)
    #expect(status.blocks.used == 3)
    object.fill(2)
    try store.flush()
    #expect(object.isRight(2) == true)
  }

  @Test func `blocks that changed places on disk are misses`() throws {
    try fixture.makeCache()
    let first = try #require(try fixture.slotOffset(holding: StoreFixture.bytes(0)))
    let second = try #require(try fixture.slotOffset(holding: StoreFixture.bytes(1)))
    try fixture.overwrite(StoreFixture.bytes(1), at: first)
    try fixture.overwrite(StoreFixture.bytes(0), at: second)
    let store = try fixture.open()
    let object = try store.bind("a")
    #expect(object.bytes(ofBlock: 0) == nil)
    #expect(object.bytes(ofBlock: 1) == nil)
    #expect(object.isRight(2) == true)
  }

  @Test func `verify finds what is damaged and repair returns the slots`() throws {
    try fixture.makeCache()
    let offset = try #require(try fixture.slotOffset(holding: StoreFixture.bytes(3)))
    try fixture.overwrite([0xFF, 0xFF, 0xFF], at: offset + 1000)
    let store = try fixture.open()
    let report = store.verify(repair: false)
    #expect(report.checkedBlockCount == 4)
    #expect(report.failedBlockCount == 1)
    #expect(report.indexFaults == [])
    let repair = store.verify(repair: true)
    #expect(repair.isClean)
    #expect(repair.repairedCount == 1)
    #expect(store.status().blocks.bad == 0)
    #expect(store.status().blocks.free == 61)
  }

  @Test(arguments: [0, 4096] as [UInt64])
  func `one damaged superblock does no harm`(offset: UInt64) throws {
    try fixture.makeCache()
    try fixture.overwrite([UInt8](repeating: 0xA5, count: 512), at: offset)
    let store = try fixture.open()
    #expect(!store.openReport.isFormatted)
    // The older superblock says "in use", which makes no difference on the same boot.
    #expect(try store.bind("a").isRight(0) == true)
  }

  @Test func `without a superblock the cache begins anew, but not on a device`() throws {
    try fixture.makeCache()
    try fixture.overwrite([UInt8](repeating: 0xA5, count: 8192), at: 0)
    if StoreFixture.usesDevice {
      // It may be somebody else's by now.
      let error = #expect(throws: StoreError.self) { _ = try fixture.open() }
      #expect(error?.code == .corrupt)
      return
    }
    let store = try fixture.open()
    #expect(store.openReport.isFormatted)
    #expect(store.openReport.notes.count == 1)
    let object = try store.bind("a")
    #expect(object.bytes(ofBlock: 0) == nil)
    object.fill(0)
    try store.flush()
    #expect(object.isRight(0) == true)
  }

  @Test(StoreFixture.forFiles)
  func `someone else's file is left alone`() throws {
    try FileManager.default.createDirectory(
      atPath: fixture.path, withIntermediateDirectories: true)
    let text = [UInt8]("my precious data".utf8)
    try Data(text).write(to: URL(filePath: fixture.dataPath))
    let error = #expect(throws: StoreError.self) { _ = try fixture.open() }
    #expect(error?.code == .corrupt)
    #expect(try Data(contentsOf: URL(filePath: fixture.dataPath)) == Data(text))
  }

  @Test(StoreFixture.forFiles)
  func `a data file cut short gives misses, then works`() throws {
    try fixture.makeCache()
    let file = try FileHandle(forUpdating: URL(filePath: fixture.dataPath))
    try file.truncate(atOffset: 1 << 20)
    try file.close()
    let store = try fixture.open()
    let object = try store.bind("a")
    for block in 0..<4 as Range<UInt32> { #expect(object.bytes(ofBlock: block) == nil) }
    object.fill(0)
    try store.flush()
    #expect(object.isRight(0) == true)
  }

  @Test(arguments: ["missing", "garbage", "foreign"])
  func `an index that cannot be believed is begun anew`(kind: String) throws {
    try fixture.makeCache()
    let index = "\(fixture.path)/index"
    switch kind {
    case "missing": try FileManager.default.removeItem(atPath: index)
    case "garbage":
      try Data(repeating: 0x77, count: 65536).write(to: URL(filePath: "\(index)/data.mdb"))
    default:
      let other = try StoreFixture()
      try other.open().close()
      try FileManager.default.removeItem(atPath: index)
      try FileManager.default.copyItem(atPath: "\(other.path)/index", toPath: index)
    }
    let store = try fixture.open()
    #expect(!store.openReport.isFormatted)
    #expect(store.openReport.notes.count == 1)
    let object = try store.bind("a")
    #expect(object.bytes(ofBlock: 0) == nil)
    object.fill(0)
    try store.flush()
    #expect(object.isRight(0) == true)
  }

  @Test func `a damaged or stale recency file is ignored`() throws {
    try fixture.makeCache()
    try Data(repeating: 1, count: 100).write(to: URL(filePath: "\(fixture.path)/recency"))
    let store = try fixture.open()
    #expect(try store.bind("a").isRight(0) == true)
    #expect(store.status().blocks.used == 4)
  }
}
