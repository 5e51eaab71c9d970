internal import Bytes
internal import Codecs

/// What tells an object from all others: its volume's number and its key.
///
/// Keys may have any length. Of one that is longer than a record takes, the beginning is kept and
/// the SHA-256 of all of it; a mark keeps such a name from equalling a key that happens to read the
/// same.
struct ObjectName: Hashable, Sendable {
  /// Longer keys would go to LMDB's overflow pages by the dozen.
  static let keyByteCountMax = 4096
  /// The volume of objects that were bound without one.
  static let defaultVolume: UInt32 = 0

  let volume: UInt32
  /// The key, or what stands for it.
  let key: [UInt8]
  /// Whether `key` ends in the digest of a longer one.
  let isDigest: Bool

  /// The name of the object called `key`, of 1 byte or more.
  init(key: [UInt8], volume: UInt32 = defaultVolume) {
    self.volume = volume
    isDigest = key.count > Self.keyByteCountMax
    guard isDigest else {
      self.key = key
      return
    }
    var hash = SHA256()
    hash.update(key.rawSpan)
    let digest = hash.finish()
    self.key = Array(key.prefix(Self.keyByteCountMax - Digest.byteCount)) + digest.bytes
  }

  /// A name as a record has it.
  init(recordedKey: [UInt8], volume: UInt32, isDigest: Bool) {
    self.volume = volume
    key = recordedKey
    self.isDigest = isDigest
  }
}

extension ObjectName: Comparable {
  /// By volume, then by the bytes of the keys.
  static func < (one: ObjectName, other: ObjectName) -> Bool {
    if one.volume != other.volume { return one.volume < other.volume }
    return one.key.lexicographicallyPrecedes(other.key)
  }
}
