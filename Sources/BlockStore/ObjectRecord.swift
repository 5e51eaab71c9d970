internal import Bytes

/// What the index says about one object; the key is its identity, never used twice.
///
/// | Offset | Size | Field           |                                              |
/// |-------:|-----:|-----------------|----------------------------------------------|
/// |      0 |    4 | volume          | 0; objects are not grouped yet               |
/// |      4 |    4 | epoch           | raised by invalidation: older slots are dead |
/// |      8 |    8 | size            | bytes                                        |
/// |     16 |    8 | last use        | seconds since 1970, a hint                   |
/// |     24 |    2 | flags           | 0; DIRTY, PINNED, RETIRED reserved           |
/// |     26 |    2 | key bytes       |                                              |
/// |     28 |    2 | coherency bytes |                                              |
/// |     30 |    2 | check           | 16 bits of a hash of identity and record     |
/// |     32 |      |                 | the coherency data, then the key             |
struct ObjectRecord: Hashable, Sendable {
  static let headerByteCount = 32
  /// Longer keys and coherency data would go to LMDB's overflow pages by the dozen.
  static let keyByteCountMax = 4096
  static let coherencyByteCountMax = 4096

  var epoch: UInt32
  var byteCount: UInt64
  var lastUse: UInt64
  var key: [UInt8]
  var coherency: [UInt8]

  init(epoch: UInt32, byteCount: UInt64, lastUse: UInt64, key: [UInt8], coherency: [UInt8]) {
    precondition(
      key.count <= Self.keyByteCountMax && coherency.count <= Self.coherencyByteCountMax,
      "an object record longer than its limits")
    self.epoch = epoch
    self.byteCount = byteCount
    self.lastUse = lastUse
    self.key = key
    self.coherency = coherency
  }

  /// Decodes the record of object `id`; nil when it is damaged or another object's.
  init?(decoding bytes: RawSpan, id: UInt64) {
    guard bytes.byteCount >= Self.headerByteCount else { return nil }
    let keyCount = Int(bytes.load(fromByteOffset: 26, as: UInt16.self))
    let coherencyCount = Int(bytes.load(fromByteOffset: 28, as: UInt16.self))
    let keyStart = Self.headerByteCount + coherencyCount
    guard keyCount <= Self.keyByteCountMax, coherencyCount <= Self.coherencyByteCountMax,
      bytes.byteCount == keyStart + keyCount
    else { return nil }
    epoch = bytes.load(fromByteOffset: 4)
    byteCount = bytes.load(fromByteOffset: 8)
    lastUse = bytes.load(fromByteOffset: 16)
    coherency = bytes.extracting(Self.headerByteCount..<keyStart).copyBytes()
    key = bytes.extracting(keyStart..<bytes.byteCount).copyBytes()
    let check = bytes.load(fromByteOffset: 30, as: UInt16.self)
    guard encoded(id: id).rawSpan.load(fromByteOffset: 30, as: UInt16.self) == check else {
      return nil
    }
  }

  /// The record's bytes, checked as belonging to object `id`.
  func encoded(id: UInt64) -> [UInt8] {
    var writer = ByteWriter(
      reservingCapacity: Self.headerByteCount + coherency.count + key.count)
    writer.append(UInt32(0))
    writer.append(epoch)
    writer.append(byteCount)
    writer.append(lastUse)
    writer.append(UInt16(0))
    writer.append(UInt16(key.count))
    writer.append(UInt16(coherency.count))
    writer.append(UInt16(0))
    writer.append(coherency)
    writer.append(key)
    var bytes = writer.bytes
    let check = XXH64.hash(bytes.rawSpan, seed: id)
    var span = bytes.mutableRawSpan
    span.store(UInt16(truncatingIfNeeded: check), atByteOffset: 30)  // 16 bits are enough
    return bytes
  }
}
