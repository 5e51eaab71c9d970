internal import Bytes

/// What the index says about one object or volume; the key is its identity, never used twice.
///
/// | Offset | Size | Field           |                                                        |
/// |-------:|-----:|-----------------|--------------------------------------------------------|
/// |      0 |    4 | volume          | identity of the object's volume; 0 for the default one |
/// |      4 |    4 | epoch           | raised by invalidation: older slots are dead           |
/// |      8 |    8 | size            | bytes                                                  |
/// |     16 |    8 | last use        | seconds since 1970, a hint                             |
/// |     24 |    2 | flags           | 1 DIRTY, 2 VOLUME, 4 DIGEST                            |
/// |     26 |    2 | key bytes       |                                                        |
/// |     28 |    2 | coherency bytes |                                                        |
/// |     30 |    2 | check           | 16 bits of a hash of identity and record               |
/// |     32 |      |                 | the coherency data, then the key                       |
struct ObjectRecord: Hashable, Sendable {
  struct Flags: OptionSet, Hashable, Sendable {
    let rawValue: UInt16

    /// Somebody changes the blocks: what is on disk may be of no version, and is dropped at
    /// opening.
    static let dirty = Flags(rawValue: 1)
    /// A volume: it has a key and coherency data, and no blocks.
    static let volume = Flags(rawValue: 2)
    /// The key stands for a longer one, see ``ObjectName``.
    static let digest = Flags(rawValue: 4)

    static let all: Flags = [.dirty, .volume, .digest]
  }

  static let headerByteCount = 32
  static let coherencyByteCountMax = 4096

  var name: ObjectName
  var epoch: UInt32
  var byteCount: UInt64
  var lastUse: UInt64
  var coherency: [UInt8]
  var isDirty = false
  var isVolume = false

  /// A record of an object that nobody changes.
  init(
    name: ObjectName, epoch: UInt32, byteCount: UInt64, lastUse: UInt64, coherency: [UInt8]
  ) {
    precondition(
      coherency.count <= Self.coherencyByteCountMax, "an object record longer than its limits")
    self.name = name
    self.epoch = epoch
    self.byteCount = byteCount
    self.lastUse = lastUse
    self.coherency = coherency
  }

  /// Decodes the record of object `id`; nil when it is damaged or another object's.
  init?(decoding bytes: RawSpan, id: UInt64) {
    guard bytes.byteCount >= Self.headerByteCount else { return nil }
    let keyCount = Int(bytes.load(fromByteOffset: 26, as: UInt16.self))
    let coherencyCount = Int(bytes.load(fromByteOffset: 28, as: UInt16.self))
    let keyStart = Self.headerByteCount + coherencyCount
    let flags = Flags(rawValue: bytes.load(fromByteOffset: 24))
    guard flags.isSubset(of: .all), keyCount <= ObjectName.keyByteCountMax,
      coherencyCount <= Self.coherencyByteCountMax, bytes.byteCount == keyStart + keyCount
    else { return nil }
    name = ObjectName(
      recordedKey: bytes.extracting(keyStart..<bytes.byteCount).copyBytes(),
      volume: bytes.load(fromByteOffset: 0), isDigest: flags.contains(.digest))
    isDirty = flags.contains(.dirty)
    isVolume = flags.contains(.volume)
    epoch = bytes.load(fromByteOffset: 4)
    byteCount = bytes.load(fromByteOffset: 8)
    lastUse = bytes.load(fromByteOffset: 16)
    coherency = bytes.extracting(Self.headerByteCount..<keyStart).copyBytes()
    let check = bytes.load(fromByteOffset: 30, as: UInt16.self)
    guard encoded(id: id).rawSpan.load(fromByteOffset: 30, as: UInt16.self) == check else {
      return nil
    }
  }

  private var flags: Flags {
    var flags: Flags = name.isDigest ? .digest : []
    if isDirty { flags.insert(.dirty) }
    if isVolume { flags.insert(.volume) }
    return flags
  }

  /// The record's bytes, checked as belonging to object `id`.
  func encoded(id: UInt64) -> [UInt8] {
    var writer = ByteWriter(
      reservingCapacity: Self.headerByteCount + coherency.count + name.key.count)
    writer.append(name.volume)
    writer.append(epoch)
    writer.append(byteCount)
    writer.append(lastUse)
    writer.append(flags.rawValue)
    writer.append(UInt16(name.key.count))
    writer.append(UInt16(coherency.count))
    writer.append(UInt16(0))
    writer.append(coherency)
    writer.append(name.key)
    var bytes = writer.bytes
    let check = XXH64.hash(bytes.rawSpan, seed: id)
    var span = bytes.mutableRawSpan
    span.store(UInt16(truncatingIfNeeded: check), atByteOffset: 30)  // 16 bits are enough
    return bytes
  }
}
