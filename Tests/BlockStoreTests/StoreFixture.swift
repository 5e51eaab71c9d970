import BlockStore
import Bytes
import Foundation
import TestSupport
import Testing

/// A cache directory of a test's own, and the bytes that its blocks should have.
struct StoreFixture {
  /// Whether caches keep their data on loop devices: `CULLET_TEST_BLOCK_DEVICE=1`.
  static let usesDevice = environmentValue("CULLET_TEST_BLOCK_DEVICE") == "1"

  /// For tests of what only files have: sizes that change, links, copies.
  static let forFiles = ConditionTrait.disabled(if: usesDevice, "the data is on a device")

  let directory: TemporaryDirectory
  private let device: LoopDevice?

  init() throws {
    directory = try TemporaryDirectory()
    device = Self.usesDevice ? try LoopDevice(byteCount: 256 << 20) : nil
  }

  var path: String { directory.file("cache") }
  var dataPath: String { device?.path ?? "\(path)/cache.dat" }

  /// Opens the cache, of `slotCount` slots if it is new.
  func open(
    slotCount: Int = 64, blockByteCount: Int = 65536, limits: CullLimits = .standard,
    indexHelper: IndexHelper? = nil
  ) throws -> CacheStore {
    try CacheStore(
      opening: path,
      creatingWith: StoreConfiguration(
        capacityByteCount: UInt64(slotCount * blockByteCount), blockByteCount: blockByteCount,
        limits: limits, dataPath: device?.path, fillWait: Self.patience, indexHelper: indexHelper))
  }

  /// Makes a cache whose object `a` has `blocks`, and closes it.
  func makeCache(blocks: Range<UInt32> = 0..<4) throws {
    let store = try open()
    try store.bind("a").fill(blocks)
    store.close()
  }

  /// Nanoseconds a fill waits: a disk that is slow today must not cost a test its blocks.
  static let patience: UInt64 = 60_000_000_000

  /// The command, built beside the tests, as the checker of indexes.
  static let indexHelper: IndexHelper = {
    let beside = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    return IndexHelper(
      program: environmentValue("CULLET_BINARY") ?? beside.appending(path: "cullet").path(),
      arguments: ["verify-index"])
  }()

  /// Makes a cache that was not closed look as if the machine had booted since.
  ///
  /// Both superblocks are given another boot; their checksums are made right again.
  func pretendReboot() throws {
    for offset in [0, 4096] as [UInt64] {
      var header = try read(count: 512, at: offset)
      header[64] ^= 1
      let check = CRC32C.checksum(header.rawSpan.extracting(0..<508))
      for byte in 0..<4 { header[508 + byte] = UInt8(truncatingIfNeeded: check >> (8 * byte)) }
      try overwrite(header, at: offset)
    }
  }

  /// The bytes of a version of a block: random, and different for each.
  static func bytes(_ block: UInt32, version: UInt64 = 0, count: Int = 65536) -> [UInt8] {
    var generator = SeededGenerator(seed: UInt64(block) << 32 | version)
    var bytes = [UInt8](repeating: 0, count: count)
    // Random ends and a constant middle: enough to tell blocks apart, and quick to make.
    for offset in 0..<min(32, count) { bytes[offset] = UInt8(truncatingIfNeeded: generator.next()) }
    for offset in max(0, count - 32)..<count {
      bytes[offset] = UInt8(truncatingIfNeeded: generator.next())
    }
    return bytes
  }

  /// Changes bytes of the data file behind the store's back.
  func overwrite(_ bytes: [UInt8], at offset: UInt64) throws {
    try Self.overwrite(bytes, at: offset, of: dataPath)
  }

  static func overwrite(
    _ bytes: some Collection<UInt8>, at offset: UInt64, of path: String
  ) throws {
    let file = try FileHandle(forUpdating: URL(filePath: path))
    try file.seek(toOffset: offset)
    try file.write(contentsOf: Data(bytes))
    try file.close()
  }

  /// Bytes of the data file.
  func read(count: Int, at offset: UInt64) throws -> [UInt8] {
    try Self.read(count: count, at: offset, of: dataPath)
  }

  static func read(count: Int, at offset: UInt64, of path: String) throws -> [UInt8] {
    let file = try FileHandle(forReadingFrom: URL(filePath: path))
    try file.seek(toOffset: offset)
    let data = try file.read(upToCount: count) ?? Data()
    try file.close()
    return [UInt8](data)
  }

  /// Where in the data file `bytes` lie, at the start of a slot.
  func slotOffset(holding bytes: [UInt8], slotCount: Int = 64) throws -> UInt64? {
    for slot in 0..<slotCount {
      let offset = UInt64(1 << 20 + slot * 65536)
      if try read(count: 32, at: offset) == Array(bytes.prefix(32)) { return offset }
    }
    return nil
  }
}

extension CacheStore {
  func bind(_ name: String, version: String = "v1", blocks: Int = 64) throws -> StoredObject {
    try bind(
      key: Array(name.utf8), coherency: Array(version.utf8),
      byteCount: UInt64(blocks * blockByteCount))
  }
}

extension StoredObject {
  /// The block's bytes, if they are cached.
  func bytes(ofBlock block: UInt32) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0xEE, count: validByteCount(ofBlock: block) ?? 1)
    var span = buffer.mutableRawSpan
    guard case .hit(let count) = read(block: block, into: &span) else { return nil }
    return Array(buffer.prefix(count))
  }

  /// Fills a block with what ``StoreFixture/bytes(_:version:count:)`` says.
  func fill(_ block: UInt32, version: UInt64 = 0) {
    let bytes = StoreFixture.bytes(
      block, version: version, count: validByteCount(ofBlock: block) ?? 0)
    fill(block: block, with: bytes.rawSpan)
  }

  /// Fills each of `blocks`, in order.
  func fill(_ blocks: Range<UInt32>, version: UInt64 = 0) {
    for block in blocks { fill(block, version: version) }
  }

  /// Fills a block with `bytes`; whether they were taken.
  func take(
    _ block: UInt32, _ bytes: [UInt8], onSettled: (@Sendable (Bool) -> Void)? = nil
  ) -> Bool {
    fill(block: block, with: bytes.rawSpan, onSettled: onSettled)
  }

  /// Whether the block is cached with the right bytes; nil when it is not cached.
  func isRight(_ block: UInt32, version: UInt64 = 0) -> Bool? {
    bytes(ofBlock: block).map {
      $0 == StoreFixture.bytes(block, version: version, count: $0.count)
    }
  }
}
