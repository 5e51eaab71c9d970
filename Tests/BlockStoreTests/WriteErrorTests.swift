import BlockStore
import Foundation
import TestSupport
import Testing

/// A disk that takes no writes any more.
@Suite(.enabled(if: LoopDevice.isPossible, "loop devices need root"))
struct WriteErrorTests {
  private let directory: TemporaryDirectory
  private let device: LoopDevice

  init() throws {
    directory = try TemporaryDirectory()
    device = try LoopDevice(byteCount: 9 << 20)
  }

  private func open() throws -> CacheStore {
    try CacheStore(
      opening: directory.file("cache"),
      creatingWith: StoreConfiguration(capacityByteCount: 8 << 20, dataPath: device.path))
  }

  @Test(.timeLimit(.minutes(1)))
  func `write after write that fails ends fills, and what is cached is still read`() throws {
    let store = try open()
    let object = try store.bind("a")
    object.fill(0)
    try store.flush()
    try device.refuseWrites(true)
    var block: UInt32 = 0
    // Each failure pauses fills for a second.
    while store.status().service == .full {
      block = block % 63 + 1
      object.fill(block)
      try? store.flush()
      Thread.sleep(forTimeInterval: 0.1)
    }
    let status = store.status()
    #expect(status.service == .readsOnly)
    #expect(status.disk.writeErrors == 3)
    #expect(object.isRight(0) == true)
    try device.refuseWrites(false)
    object.fill(1)
    try store.flush()
    #expect(object.isRight(1) == nil)
    store.close()

    let reopened = try open()
    let again = try reopened.bind("a")
    #expect(again.isRight(0) == true)
    again.fill(1)
    try reopened.flush()
    #expect(again.isRight(1) == true)
    #expect(reopened.status().service == .full)
  }
}
