internal import Bytes

/// What the index says about one slot; the key is the slot's number.
///
/// | Offset | Size | Field        |                                                            |
/// |-------:|-----:|--------------|------------------------------------------------------------|
/// |      0 |    8 | object       | identity of the object                                     |
/// |      8 |    4 | block        | index of the block within it                               |
/// |     12 |    4 | epoch        | the object's epoch; with another one the slot is dead      |
/// |     16 |    8 | sequence     | of two slots for one block, the higher wins                |
/// |     24 |    8 | checksum     | of the block's bytes, see ``BlockIdentity``                |
/// |     32 |    8 | packed       | start:20, byte count:21, flags:7, check:16; low bits first |
///
/// Keyed by slot, "two blocks own one slot" cannot be written down. Records never change size, so
/// the pages an index needs are known in advance.
struct SlotRecord: Hashable, Sendable {
  static let byteCount = 40

  struct Flags: OptionSet, Hashable, Sendable {
    let rawValue: UInt8

    /// The slot holds nothing; the other fields are zero.
    static let free = Flags(rawValue: 1)
  }

  var object: UInt64
  var block: UInt32
  var epoch: UInt32
  var sequence: UInt64
  var checksum: UInt64
  var start: Int
  var validByteCount: Int
  var flags: Flags

  /// A slot that holds nothing.
  static let free = SlotRecord(
    object: 0, block: 0, epoch: 0, sequence: 0, checksum: 0, start: 0, validByteCount: 0,
    flags: .free)

  init(
    object: UInt64, block: UInt32, epoch: UInt32, sequence: UInt64, checksum: UInt64,
    start: Int = 0, validByteCount: Int, flags: Flags = []
  ) {
    self.object = object
    self.block = block
    self.epoch = epoch
    self.sequence = sequence
    self.checksum = checksum
    self.start = start
    self.validByteCount = validByteCount
    self.flags = flags
  }

  /// Decodes the record of `slot`; nil when it is damaged or belongs to another slot.
  init?(decoding bytes: RawSpan, slot: UInt32) {
    guard bytes.byteCount == Self.byteCount else { return nil }
    let packed = bytes.load(fromByteOffset: 32, as: UInt64.self)
    object = bytes.load(fromByteOffset: 0)
    block = bytes.load(fromByteOffset: 8)
    epoch = bytes.load(fromByteOffset: 12)
    sequence = bytes.load(fromByteOffset: 16)
    checksum = bytes.load(fromByteOffset: 24)
    start = Int(packed & 0xF_FFFF)
    validByteCount = Int(packed >> 20 & 0x1F_FFFF)
    flags = Flags(rawValue: UInt8(packed >> 41 & 0x7F))
    guard packed == fields | check(of: fields, slot: slot) << 48 else { return nil }
  }

  /// The record's bytes, checked as belonging to `slot`.
  func encoded(slot: UInt32) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Self.byteCount)
    var span = bytes.mutableRawSpan
    span.store(object, atByteOffset: 0)
    span.store(block, atByteOffset: 8)
    span.store(epoch, atByteOffset: 12)
    span.store(sequence, atByteOffset: 16)
    span.store(checksum, atByteOffset: 24)
    span.store(fields | check(of: fields, slot: slot) << 48, atByteOffset: 32)
    return bytes
  }

  /// The packed fields without their check.
  private var fields: UInt64 {
    UInt64(start) | UInt64(validByteCount) << 20 | UInt64(flags.rawValue & 0x7F) << 41
  }

  /// Sixteen bits of hash: enough to tell a record from the garbage of a damaged index page.
  ///
  /// Of the record without its check; on the stack, for opening a cache decodes every record.
  private func check(of fields: UInt64, slot: UInt32) -> UInt64 {
    let words: [5 of UInt64] = [
      object.littleEndian, (UInt64(epoch) << 32 | UInt64(block)).littleEndian,
      sequence.littleEndian, checksum.littleEndian, fields.littleEndian,
    ]
    return XXH64.hash(unsafe words.span.bytes, seed: UInt64(slot)) & 0xFFFF
  }
}

/// Whose bytes a block is: part of its checksum, so that the right bytes in the wrong place, or of
/// another version, do not pass.
struct BlockIdentity: Hashable, Sendable {
  /// Hash of the object's identity and epoch.
  let seed: UInt64

  init(object: UInt64, epoch: UInt32) {
    var writer = ByteWriter(reservingCapacity: 12)
    writer.append(object)
    writer.append(epoch)
    seed = XXH64.hash(writer.bytes.rawSpan)
  }

  /// The checksum of `bytes` as block `block`, all of its valid range, which starts at 0.
  func checksum(ofBlock block: UInt32, _ bytes: RawSpan) -> UInt64 {
    // An odd multiplier keeps distinct (block, byte count) pairs distinct under one object seed.
    let place = (UInt64(block) << 21 | UInt64(bytes.byteCount)) &* 0x9E37_79B9_7F4A_7C15
    return XXH64.hash(bytes, seed: seed ^ place)
  }
}
