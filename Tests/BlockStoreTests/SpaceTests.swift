import BlockStore
import Foundation
import Linux
import TestSupport
import Testing

/// The space that a data file takes as its cache is made, grows and shrinks.
@Suite struct SpaceTests {
  let directory: TemporaryDirectory
  var path: String { directory.file("cache") }
  var dataPath: String { "\(path)/cache.dat" }

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func open() throws -> CacheStore {
    try CacheStore(opening: path, creatingWith: StoreConfiguration(fillWait: StoreFixture.patience))
  }

  private func format(
    _ byteCount: UInt64, _ preallocation: StoreConfiguration.Preallocation, at path: String
  ) throws {
    try CacheStore.format(
      directory: path,
      configuration: StoreConfiguration(
        capacityByteCount: byteCount, preallocation: preallocation))
  }

  private func space(of path: String) throws -> (byteCount: UInt64, allocated: UInt64) {
    let status = try FileDescriptor(opening: path, .readOnly).status()
    return (status.byteCount, status.allocatedByteCount)
  }

  @Test(arguments: StoreConfiguration.Preallocation.allCases)
  func `a cache grows as it was made, with its space reserved or not`(
    preallocation: StoreConfiguration.Preallocation
  ) throws {
    try format(4 << 20, preallocation, at: path)
    do {
      let store = try open()
      try store.bind("a").fill(0)
      try store.resize(to: 16 << 20)
      store.close()
    }
    let (byteCount, allocated) = try space(of: dataPath)
    #expect(byteCount == 17 << 20)
    #expect((allocated >= byteCount) == (preallocation != .none))
    #expect(try open().bind("a").isRight(0) == true)
  }

  @Test(.enabled(if: LoopDevice.isPossible, "loop devices need root"))
  func `a reserved cache that cannot grow says so and stays as it was`() throws {
    for preallocation in [StoreConfiguration.Preallocation.allocate, .write] {
      let disk = try SmallFilesystem(.ext4, byteCount: 32 << 20)
      let path = "\(disk.path)/cache"
      try format(4 << 20, preallocation, at: path)
      let store = try CacheStore(
        opening: path, creatingWith: StoreConfiguration(fillWait: StoreFixture.patience))
      let object = try store.bind("a")
      object.fill(0)
      let before = try space(of: "\(path)/cache.dat")
      let error = #expect(throws: StoreError.self) { try store.resize(to: 64 << 20) }
      #expect(error?.code == .noSpace)
      #expect(error?.message.contains("bytes are to be reserved") == true)
      #expect(try space(of: "\(path)/cache.dat") == before)
      #expect(store.status().blocks.total == 64)
      #expect(object.isRight(0) == true)
    }
  }

  @Test func `what a resizing that ended early left is cut off`() throws {
    try format(4 << 20, .none, at: path)
    let file = try FileDescriptor(opening: dataPath, .readWrite)
    try file.truncate(toByteCount: 64 << 20)
    try open().close()
    #expect(try space(of: dataPath).byteCount == 5 << 20)
  }

  @Test(.enabled(if: LoopDevice.isPossible, "loop devices need root"))
  func `a device is grown into as far as it goes, and told what shrinking frees`() throws {
    let device = try LoopDevice(byteCount: 33 << 20)
    try CacheStore.format(
      directory: path,
      configuration: StoreConfiguration(capacityByteCount: 4 << 20, dataPath: device.path))
    let store = try open()
    let error = #expect(throws: StoreError.self) { try store.resize(to: 33 << 20) }
    #expect(error?.code == .badConfiguration)
    #expect(error?.message.contains(device.path) == true)
    #expect(store.status().blocks.total == 64)
    try store.resize(to: 32 << 20)
    let object = try store.bind("a", blocks: 400)
    for block in 0..<400 as Range<UInt32> { object.fill(block) }
    try store.flush()
    let full = try device.allocatedByteCount()
    #expect(full > 24 << 20)
    try store.resize(to: 4 << 20)
    #expect(try device.allocatedByteCount() < 8 << 20)
    for block in 0..<400 as Range<UInt32> { #expect(object.isRight(block) != false) }
    #expect(store.verify(repair: false).isClean)
  }

  @Test(arguments: StoreConfiguration.IOMode.allCases)
  func `a cache remembers how it is to be read and written`(
    mode: StoreConfiguration.IOMode
  ) throws {
    try CacheStore.format(
      directory: path, configuration: StoreConfiguration(capacityByteCount: 4 << 20, io: mode))
    let store = try CacheStore(
      opening: path, creatingWith: StoreConfiguration(io: mode == .direct ? .buffered : .direct))
    try store.bind("a").fill(0)
    try store.flush()
    #expect(try isOpenDirectly() == (mode == .direct))
    #expect(try store.bind("a").isRight(0) == true)
  }

  /// Whether this process has the data file open past the page cache.
  private func isOpenDirectly() throws -> Bool {
    let manager = FileManager.default
    for name in try manager.contentsOfDirectory(atPath: "/proc/self/fd")
    where (try? manager.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)")) == dataPath {
      let text = try String(contentsOfFile: "/proc/self/fdinfo/\(name)", encoding: .utf8)
      let line = text.split(separator: "\n").first { $0.hasPrefix("flags:") } ?? ""
      let flags = line.split(whereSeparator: \.isWhitespace).last.flatMap { Int32($0, radix: 8) }
      let direct = FileDescriptor.OpenFlags.direct.rawValue
      if let flags, flags & direct != 0 { return true }
    }
    return false
  }
}
