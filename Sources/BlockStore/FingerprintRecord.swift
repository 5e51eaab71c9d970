internal import Bytes

/// What the index remembers of one file inside an object: what it was found to hold.
///
/// Key, so that the records of an object are neighbours:
///
/// | Offset | Size | Field  |                                             |
/// |-------:|-----:|--------|---------------------------------------------|
/// |      0 |    8 | object | identity, big-endian                        |
/// |      8 |    8 | file   | its number within the object, big-endian    |
///
/// Value:
///
/// | Offset | Size | Field   |                                                           |
/// |-------:|-----:|---------|-----------------------------------------------------------|
/// |      0 |    4 | format  | 1                                                         |
/// |      4 |    4 | epoch   | of the object; with another one the record is dead        |
/// |      8 |    8 | size    | of the file, bytes                                        |
/// |     16 |    8 | version | XXH64 of the object's coherency data                      |
/// |     24 |   32 | digest  | SHA-256 of the file                                       |
/// |     56 |    8 | check   | XXH64 of the bytes before, seeded with a hash of the key  |
struct FingerprintRecord: Hashable, Sendable {
  /// Where a record belongs.
  struct Key: Hashable, Sendable {
    static let byteCount = 16

    var object: UInt64
    var file: UInt64

    init(object: UInt64, file: UInt64) {
      self.object = object
      self.file = file
    }

    /// Decodes a key; nil for one of another size.
    init?(decoding bytes: RawSpan) {
      guard bytes.byteCount == Self.byteCount else { return nil }
      object = bytes.load(fromByteOffset: 0, as: UInt64.self).byteSwapped
      file = bytes.load(fromByteOffset: 8, as: UInt64.self).byteSwapped
    }

    /// What the keys of all records of `object` begin with.
    static func prefix(of object: UInt64) -> [UInt8] {
      var writer = ByteWriter(reservingCapacity: 8)
      writer.append(object.byteSwapped)
      return writer.bytes
    }

    var encoded: [UInt8] {
      var writer = ByteWriter(reservingCapacity: Self.byteCount)
      writer.append(object.byteSwapped)
      writer.append(file.byteSwapped)
      return writer.bytes
    }
  }

  static let byteCount = 64
  private static let format: UInt32 = 1
  private static let digestRange = 24..<56

  var epoch: UInt32
  var byteCount: UInt64
  /// See ``version(of:)``.
  var version: UInt64
  var digest: Digest

  init(epoch: UInt32, byteCount: UInt64, version: UInt64, digest: Digest) {
    self.epoch = epoch
    self.byteCount = byteCount
    self.version = version
    self.digest = digest
  }

  /// Decodes the record at `key`; nil when it is damaged, another one's or of another format.
  init?(decoding bytes: RawSpan, key: Key) {
    guard bytes.byteCount == Self.byteCount,
      bytes.load(fromByteOffset: 0, as: UInt32.self) == Self.format,
      bytes.load(fromByteOffset: 56, as: UInt64.self) == Self.check(of: bytes, key),
      let digest = Digest(bytes.extracting(Self.digestRange).copyBytes())
    else { return nil }
    epoch = bytes.load(fromByteOffset: 4)
    byteCount = bytes.load(fromByteOffset: 8)
    version = bytes.load(fromByteOffset: 16)
    self.digest = digest
  }

  /// The record's bytes, checked as belonging to `key`.
  func encoded(key: Key) -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: Self.byteCount)
    writer.append(Self.format)
    writer.append(epoch)
    writer.append(byteCount)
    writer.append(version)
    writer.append(digest.bytes)
    writer.append(UInt64(0))
    var bytes = writer.bytes
    let check = Self.check(of: bytes.rawSpan, key)
    var span = bytes.mutableRawSpan
    span.store(check, atByteOffset: 56)
    return bytes
  }

  /// What stands for the coherency data of an object in the records of its files.
  static func version(of coherency: [UInt8]) -> UInt64 {
    XXH64.hash(coherency.rawSpan)
  }

  private static func check(of bytes: RawSpan, _ key: Key) -> UInt64 {
    XXH64.hash(bytes.extracting(0..<56), seed: XXH64.hash(key.encoded.rawSpan))
  }
}
