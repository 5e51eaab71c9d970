internal import BlockStore
internal import Bytes
internal import CLinux
internal import Foundation
internal import Linux
internal import TestSupport

/// A store with one object, and its data file open beside it for raw access.
struct FilledStore {
  static let blockByteCount = 64 << 10

  let store: CacheStore
  let object: StoredObject
  let dataPath: String
  let blockCount: UInt32

  /// Makes a store of `slotCount` slots in `directory` with an object of `blockCount` blocks, none
  /// of them cached yet; it reads and writes as `io` says.
  init(
    in directory: String, slotCount: Int, blockCount: Int, io: StoreConfiguration.IOMode
  ) throws {
    store = try CacheStore(
      opening: directory,
      creatingWith: StoreConfiguration(
        capacityByteCount: UInt64(slotCount * Self.blockByteCount),
        blockByteCount: Self.blockByteCount, io: io))
    object = try store.bind(
      key: [UInt8]("object".utf8), coherency: [1],
      byteCount: UInt64(blockCount * Self.blockByteCount))
    dataPath = "\(directory)/cache.dat"
    self.blockCount = UInt32(blockCount)
  }

  /// Fills every block, durably, as fast as the store takes them.
  func fill(_ object: StoredObject) throws {
    var generator = SeededGenerator(seed: 5)
    var bytes = generator.bytes(count: Self.blockByteCount)
    for block in 0..<blockCount {
      var span = bytes.mutableRawSpan
      span.store(block, atByteOffset: 0)  // enough to tell the blocks apart
      while !object.fill(block: block, with: bytes.rawSpan) { try store.flush() }
    }
    try store.flush()
  }

  /// How the store reads and writes its data file, in words: the filesystem may refuse to be passed.
  ///
  /// Asked of the kernel, which knows how each of the process's descriptors was opened.
  func modeName() throws -> String {
    for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
      let target = try? FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/self/fd/\(name)")
      guard let descriptor = Int32(name), target == dataPath else { continue }
      if cullet_fcntl_int(descriptor, F_GETFL, 0) & O_DIRECT != 0 { return "O_DIRECT" }
    }
    return "buffered"
  }
}

extension FileDescriptor {
  /// Opens `path` past the page cache.
  init(direct path: String, _ flags: OpenFlags) throws(SystemError) {
    try self.init(opening: path, OpenFlags(rawValue: flags.rawValue | O_DIRECT))
  }
}

/// Has the kernel forget the pages of the file `path`, which become durable first.
func dropPages(of path: String) throws {
  let file = try FileDescriptor(opening: path, .readOnly)
  try file.syncData()
  _ = posix_fadvise(file.rawValue, 0, 0, POSIX_FADV_DONTNEED)
}
