internal import BlockStore
internal import Bytes
internal import Linux

/// The cache that every trial uses: small, so that everything in it happens soon.
enum TrialCache {
  /// Of a new cache.
  static let slotCount = 40
  /// What it is resized to.
  static let slotCounts = [24, 32, 40, 48, 56, 64]
  static let blockByteCount = 16 << 10
  static let objects = 0..<6
  /// Of the largest objects; all together have more than twice the blocks that there are slots.
  static let blocks: Range<UInt32> = 0..<20
  /// Every block that an object has or will ever have.
  static let wholeObject: Range<UInt32> = 0..<blocks.upperBound + 1

  static let configuration = StoreConfiguration(
    capacityByteCount: capacity(ofSlots: slotCount), blockByteCount: blockByteCount,
    indexHelper: IndexHelper(program: Paths.executable, arguments: ["verify-index"]))

  static func capacity(ofSlots slotCount: Int) -> UInt64 { UInt64(slotCount * blockByteCount) }

  static func key(of object: Int) -> [UInt8] { Array("object \(object)".utf8) }

  static func blockCount(ofVersion version: Int) -> UInt32 {
    blocks.upperBound - UInt32(version % 4) * 2
  }

  /// The last block is a partial one.
  static func byteCount(of object: Int, version: Int) -> UInt64 {
    UInt64(Int(blockCount(ofVersion: version) - 1) * blockByteCount + 5000 + 8 * object)
  }

  static func coherency(ofVersion version: Int) -> [UInt8] { Array("\(version)".utf8) }

  static func version(ofCoherency coherency: [UInt8]) -> Int? {
    Int(String(decoding: coherency, as: UTF8.self))
  }

  /// The size of every file that is remembered.
  static let fileByteCount: UInt64 = 1000

  /// What is remembered of a file in one version of an object, if anything is.
  static func fingerprint(of object: Int, version: Int, file: UInt64) -> Digest? {
    var writer = ByteWriter(reservingCapacity: 32)
    for seed in 0..<4 as Range<UInt64> {
      writer.append(XXH64.hash(Array("\(object) \(version) \(file)".utf8).rawSpan, seed: seed))
    }
    return Digest(writer.bytes)
  }

  static func pins(_ blocks: Range<UInt32>) -> PinnedBlocks {
    blocks == wholeObject ? .whole : PinnedBlocks(ranges: [blocks])
  }
}

extension CacheStore {
  /// Opens or makes the trials' cache in `directory`.
  convenience init(trialIn directory: String) throws(StoreError) {
    try self.init(opening: directory, creatingWith: TrialCache.configuration)
  }

  func bind(_ object: Int, version: Int) throws(StoreError) -> StoredObject {
    try bind(
      key: TrialCache.key(of: object), coherency: TrialCache.coherency(ofVersion: version),
      byteCount: TrialCache.byteCount(of: object, version: version))
  }

  /// The version of an object that the cache knows.
  func version(of object: Int) -> Int? {
    find(key: TrialCache.key(of: object)).flatMap { TrialCache.version(ofCoherency: $0.coherency) }
  }

  /// Blocks that the pins of all objects keep, cached or not.
  var pinnedBlockCount: Int { objects().reduce(0) { $0 + $1.pinnedBlockCount } }
}
