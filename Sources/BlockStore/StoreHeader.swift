internal import Bytes

/// A superblock of the data file; two are kept, at bytes 0 and 4096, and written in turn.
///
/// | Offset | Size | Field      |                                                     |
/// |-------:|-----:|------------|-----------------------------------------------------|
/// |      0 |    8 | magic      | `CULLETBS`                                          |
/// |      8 |    4 | version    | 2: object records have volumes and flags            |
/// |     12 |    4 | flags      | 1 CLEAN, 2 WIPE: believe nothing in the index       |
/// |     16 |   16 | cache uuid |                                                     |
/// |     32 |   16 | index uuid | that of the index which belongs to this file        |
/// |     48 |    1 | block bits | log2 of the slot size                               |
/// |     49 |    6 | limits     | brun bcull bstop frun fcull fstop, percent          |
/// |     56 |    8 | slots      |                                                     |
/// |     64 |   16 | boot id    | of the machine when this was written                |
/// |     80 |    8 | open count |                                                     |
/// |     88 |    8 | seq floor  | an index with a lower last sequence was rolled back |
/// |     96 |    8 | serial     | the higher of two valid superblocks is the newer    |
/// |    104 |    1 | space      | 0 taken as needed, 1 allocated, 2 written           |
/// |    105 |    1 | i/o        | 0 past the page cache where possible, 1 through it  |
/// |    508 |    4 | check      | CRC-32C of the bytes before it                      |
///
/// A superblock lies in one 512-byte sector, so a crash leaves the old one or the new one; the
/// other copy is there for a sector that goes bad.
struct StoreHeader: Equatable, Sendable {
  static let byteCount = 512
  static let offsets: [UInt64] = [0, 4096]
  static let magic: UInt64 = 0x5342_5445_4C4C_5543
  static let version: UInt32 = 2

  struct Flags: OptionSet, Sendable {
    let rawValue: UInt32

    /// Everything was written out before the file was closed.
    static let clean = Flags(rawValue: 1)
    /// The index is not to be believed: a change that had to be durable may not be.
    static let wipe = Flags(rawValue: 2)
  }

  var flags: Flags
  var cacheID: Identifier
  var indexID: Identifier
  var geometry: Geometry
  var limits: CullLimits
  var bootID: Identifier
  var openCount: UInt64
  var sequenceFloor: UInt64
  var serial: UInt64
  var preallocation: StoreConfiguration.Preallocation
  var io: StoreConfiguration.IOMode
}

extension StoreHeader {
  /// Decodes 512 bytes; nil unless they are a whole superblock of this version.
  init?(decoding bytes: RawSpan) {
    guard bytes.byteCount == Self.byteCount,
      bytes.load(fromByteOffset: 0, as: UInt64.self) == Self.magic,
      bytes.load(fromByteOffset: 8, as: UInt32.self) == Self.version,
      bytes.load(fromByteOffset: 508, as: UInt32.self)
        == CRC32C.checksum(bytes.extracting(0..<508))
    else { return nil }
    let bits = bytes.byte(at: 48)
    let slots = bytes.load(fromByteOffset: 56, as: UInt64.self)
    guard (14...20).contains(bits), let slotCount = Int(exactly: slots),
      (StoreConfiguration.slotCountMin...StoreConfiguration.slotCountMax).contains(slotCount),
      let limits = CullLimits(encoded: bytes.extracting(49..<55).copyBytes()),
      let preallocation = StoreConfiguration.Preallocation(code: bytes.byte(at: 104)),
      let io = StoreConfiguration.IOMode(code: bytes.byte(at: 105))
    else { return nil }
    flags = Flags(rawValue: bytes.load(fromByteOffset: 12))
    cacheID = Identifier(bytes.extracting(16..<32))
    indexID = Identifier(bytes.extracting(32..<48))
    geometry = Geometry(blockSizeBits: bits, slotCount: slotCount)
    self.limits = limits
    bootID = Identifier(bytes.extracting(64..<80))
    openCount = bytes.load(fromByteOffset: 80)
    sequenceFloor = bytes.load(fromByteOffset: 88)
    serial = bytes.load(fromByteOffset: 96)
    self.preallocation = preallocation
    self.io = io
  }

  /// The superblock as 512 bytes.
  var encoded: [UInt8] {
    var writer = ByteWriter(reservingCapacity: Self.byteCount)
    writer.append(Self.magic)
    writer.append(Self.version)
    writer.append(flags.rawValue)
    writer.append(cacheID.bytes)
    writer.append(indexID.bytes)
    writer.append(geometry.blockSizeBits)
    writer.append(limits.encoded)
    writer.append(UInt8(0))
    writer.append(UInt64(geometry.slotCount))
    writer.append(bootID.bytes)
    writer.append(openCount)
    writer.append(sequenceFloor)
    writer.append(serial)
    writer.append(preallocation.code)
    writer.append(io.code)
    writer.append([UInt8](repeating: 0, count: 508 - writer.bytes.count))
    writer.append(CRC32C.checksum(writer.bytes.rawSpan))
    return writer.bytes
  }
}

extension CaseIterable where Self: Equatable, AllCases == [Self] {
  /// The case that a superblock has as `code`, its place among all cases; nil for none.
  fileprivate init?(code: UInt8) {
    guard Int(code) < Self.allCases.count else { return nil }
    self = Self.allCases[Int(code)]
  }

  fileprivate var code: UInt8 {
    for (code, value) in Self.allCases.enumerated() where value == self { return UInt8(code) }
    preconditionFailure("a case that is none of all")
  }
}

/// Sixteen bytes that name a cache, an index or a boot of the machine.
struct Identifier: Hashable, Sendable {
  let bytes: [UInt8]

  /// The identifier in `span`, which is 16 bytes long.
  init(_ span: RawSpan) {
    precondition(span.byteCount == 16, "an identifier is 16 bytes long")
    bytes = span.copyBytes()
  }

  /// A random identifier.
  static func random() -> Identifier {
    var writer = ByteWriter(reservingCapacity: 16)
    writer.append(UInt64.random(in: 0...UInt64.max))
    writer.append(UInt64.random(in: 0...UInt64.max))
    return Identifier(writer.bytes.rawSpan)
  }

  /// An identifier made of the 32 hexadecimal digits of `text`, a UUID; nil when it is none.
  init?(uuid text: [UInt8]) {
    var digits: [UInt8] = []
    for character in text where character != UInt8(ascii: "-") {
      switch character {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digits.append(character - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digits.append(character - UInt8(ascii: "a") + 10)
      case UInt8(ascii: "\n"): continue
      default: return nil
      }
    }
    guard digits.count == 32 else { return nil }
    bytes = stride(from: 0, to: 32, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}
