import BlockStore
import Bytes
import Foundation
import Linux
import TestSupport
import Testing

/// Data files that are not in the cache's directory.
@Suite struct DataPlaceTests {
  let directory: TemporaryDirectory
  var path: String { directory.file("cache") }
  var elsewhere: String { directory.file("elsewhere.dat") }

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func configuration(data: String?) -> StoreConfiguration {
    StoreConfiguration(capacityByteCount: 4 << 20, dataPath: data)
  }

  private func make(data: String, at path: String? = nil) throws {
    let path = path ?? self.path
    try CacheStore.format(directory: path, configuration: configuration(data: data))
    let store = try CacheStore(
      opening: path, creatingWith: StoreConfiguration(fillWait: StoreFixture.patience))
    try store.bind("a").fill(0)
    store.close()
  }

  private func isKept(at path: String? = nil) throws -> Bool {
    let path = path ?? self.path
    let store = try CacheStore(
      opening: path, creatingWith: StoreConfiguration(fillWait: StoreFixture.patience))
    return try store.openReport.notes.isEmpty && store.bind("a").isRight(0) == true
  }

  @Test func `data elsewhere is found again`() throws {
    try make(data: elsewhere)
    #expect(try isKept())
    #expect(!FileManager.default.fileExists(atPath: "\(path)/cache.dat"))
    let size = try FileManager.default.attributesOfItem(atPath: elsewhere)[.size] as? Int
    #expect(size == 5 << 20)
  }

  @Test func `data that is gone is said to be, and nothing is made in its place`() throws {
    try make(data: elsewhere)
    try FileManager.default.moveItem(atPath: elsewhere, toPath: "\(elsewhere).away")
    let error = #expect(throws: StoreError.self) { _ = try isKept() }
    #expect(error?.code == .missing)
    #expect(!FileManager.default.fileExists(atPath: elsewhere))
    try directory.write([UInt8](repeating: 0, count: 5 << 20), to: "elsewhere.dat")
    let blank = #expect(throws: StoreError.self) { _ = try isKept() }
    #expect(blank?.code == .corrupt)
    try FileManager.default.removeItem(atPath: elsewhere)
    try FileManager.default.moveItem(atPath: "\(elsewhere).away", toPath: elsewhere)
    #expect(try isKept())
  }

  @Test func `formatting without a place brings the data back into the directory`() throws {
    try make(data: elsewhere)
    try CacheStore.format(directory: path, configuration: configuration(data: nil))
    #expect(try !isKept())
    #expect(FileManager.default.fileExists(atPath: "\(path)/cache.dat"))
    #expect(!FileManager.default.fileExists(atPath: "\(path)/data-path"))
  }

  @Test(.enabled(if: CurrentProcess.userID == 0, "mounting needs root"))
  func `data elsewhere is not lost for a cache that cannot be made`() throws {
    let disk = try SmallFilesystem(.tmpfs, byteCount: 24 << 20)
    let path = "\(disk.path)/cache"
    try make(data: elsewhere, at: path)
    let error = #expect(throws: StoreError.self) {
      try CacheStore.format(
        directory: path,
        configuration: StoreConfiguration(capacityByteCount: 64 << 20, preallocation: .allocate))
    }
    #expect(error?.code == .noSpace)
    #expect(!FileManager.default.fileExists(atPath: "\(path)/cache.dat"))
    #expect(try isKept(at: path))
  }

  @Test func `what bears something else is left alone`() throws {
    var bytes = [UInt8](repeating: 0, count: 3 << 20)
    bytes[70_000] = 1
    try directory.write(bytes, to: "elsewhere.dat")
    let error = #expect(throws: StoreError.self) { try make(data: elsewhere) }
    #expect(error?.code == .corrupt)
    let after = [UInt8](try Data(contentsOf: URL(filePath: elsewhere)))
    #expect(difference(after, bytes) == nil)
    // Blank, it may be taken.
    bytes[70_000] = 0
    try directory.write(bytes, to: "elsewhere.dat")
    try make(data: elsewhere)
    #expect(try isKept())
  }

  @Test func `neither data nor directory has two owners`() throws {
    try make(data: elsewhere)
    let store = try CacheStore(
      opening: path, creatingWith: StoreConfiguration(fillWait: StoreFixture.patience))
    for (directory, data) in [
      (directory.file("other"), elsewhere), (path, directory.file("third.dat")),
    ] {
      let error = #expect(throws: StoreError.self) {
        try CacheStore.format(directory: directory, configuration: configuration(data: data))
      }
      guard case .busy = error?.code else {
        Issue.record("not busy: \(String(describing: error))")
        continue
      }
    }
    #expect(!FileManager.default.fileExists(atPath: directory.file("third.dat")))
    #expect(try store.bind("a").isRight(0) == true)
  }
}

/// Data on a block device.
@Suite(.enabled(if: LoopDevice.isPossible, "loop devices need root"))
struct DataDeviceTests {
  let directory: TemporaryDirectory
  var path: String { directory.file("cache") }

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func format(_ configuration: StoreConfiguration) throws {
    try CacheStore.format(directory: path, configuration: configuration)
  }

  @Test(arguments: StoreConfiguration.Preallocation.allCases)
  func `a device is taken as a whole, and found again`(
    preallocation: StoreConfiguration.Preallocation
  ) throws {
    let device = try LoopDevice(byteCount: 9 << 20)
    try format(StoreConfiguration(preallocation: preallocation, dataPath: device.path))
    do {
      let store = try CacheStore(
        opening: path, creatingWith: StoreConfiguration(fillWait: StoreFixture.patience))
      #expect(store.status().blocks.total == 128)
      let object = try store.bind("a", blocks: 100)
      for block in 0..<100 as Range<UInt32> { object.fill(block) }
      store.close()
    }
    let store = try CacheStore(
      opening: path, creatingWith: StoreConfiguration(fillWait: StoreFixture.patience))
    let object = try store.bind("a", blocks: 100)
    for block in 0..<100 as Range<UInt32> { #expect(object.isRight(block) == true) }
  }

  @Test func `a device that is too small, or gone, is said to be`() throws {
    let device = try LoopDevice(byteCount: 9 << 20)
    let error = #expect(throws: StoreError.self) {
      try format(StoreConfiguration(capacityByteCount: 9 << 20, dataPath: device.path))
    }
    #expect(error?.code == .badConfiguration)
    try format(StoreConfiguration(capacityByteCount: 8 << 20, dataPath: device.path))
    device.detach()
    let gone = #expect(throws: StoreError.self) {
      _ = try CacheStore(
        opening: path, creatingWith: StoreConfiguration(fillWait: StoreFixture.patience))
    }
    #expect(gone?.code == .missing)
  }

  @Test func `a device with a filesystem is refused, and so is a mounted one`() throws {
    let device = try LoopDevice(byteCount: 16 << 20)
    #expect(try Command(["mkfs.ext4", "-q", device.path]).status == 0)
    let configuration = StoreConfiguration(dataPath: device.path)
    let error = #expect(throws: StoreError.self) { try format(configuration) }
    #expect(error?.code == .corrupt)
    let mount = try directory.write([], to: "readme") + ".mount"
    try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: false)
    #expect(try Command(["mount", device.path, mount]).status == 0)
    let busy = #expect(throws: StoreError.self) { try format(configuration) }
    #expect(try Command(["umount", mount]).status == 0)
    #expect(busy?.code == .busy(nil))
    #expect(try Command(["fsck.ext4", "-n", "-f", device.path]).status == 0)
  }
}
