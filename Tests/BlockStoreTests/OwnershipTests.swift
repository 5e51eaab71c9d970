import BlockStore
import Bytes
import Foundation
import Linux
import TestSupport
import Testing

@Suite struct OwnershipTests {
  let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  @Test func `a second opener is told who has the cache`() throws {
    let store = try fixture.open()
    let error = #expect(throws: StoreError.self) { _ = try fixture.open() }
    guard case .busy(let owner) = error?.code else {
      Issue.record("not busy: \(String(describing: error))")
      return
    }
    #expect(owner?.processID == CurrentProcess.id)
    #expect(store.status().owner?.processID == CurrentProcess.id)
    #expect(throws: StoreError.self) {
      try CacheStore.format(directory: fixture.path, configuration: StoreConfiguration())
    }
    store.close()
    store.close()
    _ = try fixture.open()
  }

  @Test func `formatting empties a cache and gives it another shape`() throws {
    try fixture.open().bind("a").fill(0)
    try CacheStore.format(
      directory: fixture.path,
      configuration: StoreConfiguration(capacityByteCount: 1 << 20, blockByteCount: 16 << 10))
    let store = try fixture.open()
    #expect(store.status().capacityByteCount == 1 << 20)
    #expect(store.objects().isEmpty)
  }

  @Test(arguments: [
    StoreConfiguration(blockByteCount: 5000), StoreConfiguration(blockByteCount: 8192),
    StoreConfiguration(blockByteCount: 2 << 20), StoreConfiguration(capacityByteCount: 65536),
    StoreConfiguration(capacityByteCount: UInt64.max),
  ])
  func `configurations that make no sense are refused`(configuration: StoreConfiguration) {
    let error = #expect(throws: StoreError.self) {
      _ = try CacheStore(opening: fixture.path, creatingWith: configuration)
    }
    #expect(error?.code == .badConfiguration)
  }

  @Test func `a directory that cannot be made is an error with a code`() throws {
    try Data().write(to: URL(filePath: fixture.path))
    let error = #expect(throws: StoreError.self) { _ = try fixture.open() }
    #expect(error?.code == .cannotCreate)
    let virtual = #expect(throws: StoreError.self) {
      _ = try CacheStore(opening: "/proc/cullet/cache", creatingWith: StoreConfiguration())
    }
    #expect(virtual?.code == .cannotCreate)
  }

  @Test(.enabled(if: CurrentProcess.userID != 0, "root may write anywhere"))
  func `a directory without permission is an error with a code`() throws {
    let error = #expect(throws: StoreError.self) {
      _ = try CacheStore(opening: "/root/cullet-cache", creatingWith: StoreConfiguration())
    }
    #expect(error?.code == .permission)
  }

  @Test(StoreFixture.forFiles)
  func `a symbolic link in the data file's place is not followed`() throws {
    try FileManager.default.createDirectory(
      atPath: fixture.path, withIntermediateDirectories: true)
    let target = try fixture.directory.write([1, 2, 3], to: "victim")
    try FileManager.default.createSymbolicLink(
      atPath: fixture.dataPath, withDestinationPath: target)
    let error = #expect(throws: StoreError.self) { _ = try fixture.open() }
    #expect(error?.code == .cannotCreate)
    #expect(try Data(contentsOf: URL(filePath: target)) == Data([1, 2, 3]))
  }

  @Test func `a closed store is harmless`() throws {
    let store = try fixture.open()
    let object = try store.bind("a")
    store.close()
    object.fill(0)
    #expect(object.bytes(ofBlock: 0) == nil)
    #expect(!object.contains(block: 0))
    #expect(!store.remove(key: Array("a".utf8)))
    #expect(store.cull(CullRequest()).blockCount == 0)
    #expect(store.verify(repair: true).checkedBlockCount == 0)
    #expect(throws: StoreError.self) { try store.flush() }
    #expect(throws: StoreError.self) { _ = try store.bind("b") }
    #expect(store.status().owner == nil)
  }
}
