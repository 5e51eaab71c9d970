import BlockStore
import Bytes
import Foundation
import Linux
import TestSupport
import Testing

@Suite(.enabled(if: CurrentProcess.userID == 0, "mounting needs root"))
struct FullDiskTests {
  @Test func `a full disk costs blocks, and neither errors nor wrong bytes`() throws {
    try fillUp(SmallFilesystem(.tmpfs, byteCount: 24 << 20))
  }

  @Test(.enabled(if: LoopDevice.isPossible, "loop devices need root"))
  func `a full ext4 on a loop device costs blocks, and neither errors nor wrong bytes`() throws {
    try fillUp(SmallFilesystem(.ext4, byteCount: 24 << 20))
  }

  /// Fills more than there is room for, and looks at what is left.
  private func fillUp(_ disk: SmallFilesystem) throws {
    let path = "\(disk.path)/cache"
    let configuration = StoreConfiguration(
      capacityByteCount: 64 << 20, fillWait: StoreFixture.patience)
    do {
      let store = try CacheStore(opening: path, creatingWith: configuration)
      let object = try store.bind("a", blocks: 600)
      for block in 0..<600 as Range<UInt32> { object.fill(block) }
      _ = try? store.flush()
      let status = store.status()
      #expect(status.disk.droppedFills > 0)
      #expect(status.disk.writeErrors > 0)
      #expect(status.blocks.bad == 0)
      #expect(status.service == .full)
      let kept = (0..<600 as Range<UInt32>).compactMap { object.isRight($0) }
      #expect(kept.allSatisfy { $0 })
      // The disk has room for some 300; what came in a batch goes with it.
      #expect(kept.count >= 100)
      #expect(store.verify(repair: false).isClean)
      #expect(store.invalidate(key: Array("a".utf8)))
    }
    let store = try CacheStore(opening: path, creatingWith: configuration)
    #expect(store.openReport.notes.isEmpty)
    #expect(store.status().blocks.used == 0)
  }

  @Test(arguments: [StoreConfiguration.Preallocation.allocate, .write])
  func `no room to preallocate is said, and leaves nothing half made`(
    preallocation: StoreConfiguration.Preallocation
  ) throws {
    for kind in SmallFilesystem.Kind.possible {
      let disk = try SmallFilesystem(kind, byteCount: 24 << 20)
      let path = "\(disk.path)/cache"
      let configuration = StoreConfiguration(
        capacityByteCount: 64 << 20, preallocation: preallocation)
      let error = #expect(throws: StoreError.self) {
        try CacheStore.format(directory: path, configuration: configuration)
      }
      #expect(error?.code == .noSpace)
      #expect(!FileManager.default.fileExists(atPath: path))
      // A cache that is there is not lost for one that cannot be.
      let small = StoreConfiguration(capacityByteCount: 4 << 20)
      do {
        let store = try CacheStore(opening: path, creatingWith: small)
        try store.bind("a").fill(0)
        store.close()
      }
      #expect(throws: StoreError.self) {
        try CacheStore.format(directory: path, configuration: configuration)
      }
      #expect(
        try CacheStore(opening: path, creatingWith: small).bind("a").isRight(0) == true)
    }
  }

  @Test(arguments: SmallFilesystem.Kind.possible)
  func `no room for the index is said at once, and leaves nothing half made`(
    kind: SmallFilesystem.Kind
  ) throws {
    let disk = try SmallFilesystem(kind, byteCount: 16 << 20)
    let error = #expect(throws: StoreError.self) {
      _ = try CacheStore(
        opening: "\(disk.path)/cache",
        creatingWith: StoreConfiguration(capacityByteCount: 1 << 30))
    }
    #expect(error?.code == .noSpace)
    #expect(!FileManager.default.fileExists(atPath: "\(disk.path)/cache"))
  }
}
