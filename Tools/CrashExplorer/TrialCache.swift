internal import BlockStore

/// The cache that every trial uses: small, so that everything in it happens soon.
enum TrialCache {
  static let slotCount = 64
  static let blockByteCount = 16 << 10
  static let objects = 0..<6
  /// All objects together have about twice the blocks that there are slots.
  static let blocks: Range<UInt32> = 0..<20
  static let configuration = StoreConfiguration(
    capacityByteCount: UInt64(slotCount * blockByteCount), blockByteCount: blockByteCount)

  static func key(of object: Int) -> [UInt8] { Array("object \(object)".utf8) }

  /// The last block is a partial one.
  static func byteCount(of object: Int) -> UInt64 {
    UInt64((blocks.count - 1) * blockByteCount + 5000 + 8 * object)
  }

  static func coherency(ofVersion version: Int) -> [UInt8] { Array("\(version)".utf8) }

  static func version(ofCoherency coherency: [UInt8]) -> Int? {
    Int(String(decoding: coherency, as: UTF8.self))
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
      byteCount: TrialCache.byteCount(of: object))
  }

  /// The version of an object that the cache knows.
  func version(of object: Int) -> Int? {
    find(key: TrialCache.key(of: object)).flatMap { TrialCache.version(ofCoherency: $0.coherency) }
  }
}
