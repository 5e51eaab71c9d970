import BlockStore
import Bytes
import Foundation
import Linux
import TestSupport
import Testing

/// A filesystem in memory that is full soon; unmounted with its owner.
private final class SmallFilesystem {
  let path: String
  private let directory: TemporaryDirectory

  init(byteCount: Int) throws {
    directory = try TemporaryDirectory()
    path = directory.file("mount")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try Self.run("mount", "-t", "tmpfs", "-o", "size=\(byteCount)", "tmpfs", path)
  }

  deinit {
    try? Self.run("umount", "-l", path)
  }

  private static func run(_ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw CocoaError(.featureUnsupported) }
  }
}

@Suite(.enabled(if: CurrentProcess.userID == 0, "mounting needs root"))
struct FullDiskTests {
  @Test func `a full disk costs blocks, and neither errors nor wrong bytes`() throws {
    let disk = try SmallFilesystem(byteCount: 16 << 20)
    let path = "\(disk.path)/cache"
    let configuration = StoreConfiguration(capacityByteCount: 64 << 20)
    do {
      let store = try CacheStore(opening: path, creatingWith: configuration)
      let object = try store.bind("a", blocks: 600)
      for block in 0..<600 as Range<UInt32> { object.fill(block) }
      _ = try? store.flush()
      let status = store.status()
      #expect(status.disk.droppedFills > 0)
      #expect(status.disk.writeErrors > 0)
      #expect(status.blocks.bad == 0)
      #expect(!status.isWithdrawn)
      for block in 0..<600 as Range<UInt32> { #expect(object.isRight(block) != false) }
      #expect(store.verify(repair: false).isClean)
      #expect(store.invalidate(key: Array("a".utf8)))
    }
    let store = try CacheStore(opening: path, creatingWith: configuration)
    #expect(store.openReport.notes.isEmpty)
    #expect(store.status().blocks.used == 0)
  }

  @Test func `no room for the index is said at once`() throws {
    let disk = try SmallFilesystem(byteCount: 2 << 20)
    let error = #expect(throws: StoreError.self) {
      _ = try CacheStore(
        opening: "\(disk.path)/cache",
        creatingWith: StoreConfiguration(capacityByteCount: 1 << 30))
    }
    #expect(error?.code == .noSpace)
  }
}
