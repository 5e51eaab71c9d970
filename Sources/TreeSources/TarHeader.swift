internal import Bytes

/// One header block of a tar archive, of ustar, GNU or the form before both.
///
/// | Offset | Size | Field                                                        |
/// |-------:|-----:|--------------------------------------------------------------|
/// |      0 |  100 | name                                                         |
/// |    100 |  3·8 | mode, owner, group                                           |
/// |    124 | 2·12 | size, seconds                                                |
/// |    148 |    8 | sum of all bytes, these counting as spaces                   |
/// |    156 |    1 | type                                                         |
/// |    157 |  100 | link target                                                  |
/// |    257 |    8 | magic and version                                            |
/// |    329 |  2·8 | device numbers                                               |
/// |    345 |  155 | ustar: what precedes the name                                |
/// |    386 | 4·24 | GNU sparse files: offsets and lengths of data                |
/// |    482 |    1 | GNU sparse files: whether blocks with more of them follow    |
/// |    483 |   12 | GNU sparse files: the real size                              |
struct TarHeader {
  static let byteCount = 512
  /// What one run of data of a GNU sparse file takes.
  static let runByteCount = 24

  let name: [UInt8]
  let mode: UInt64
  let userID: UInt64
  let groupID: UInt64
  let size: UInt64
  /// Seconds since 1970.
  let modificationTime: Int64
  let type: UInt8
  let linkTarget: [UInt8]
  let deviceMajor: UInt64
  let deviceMinor: UInt64
  /// GNU sparse files: the first four runs of data.
  let sparseRuns: [(offset: UInt64, byteCount: UInt64)]
  let hasMoreSparseRuns: Bool
  let realSize: UInt64

  /// Decodes and checks a block that is not all zeros; nil when it is no header.
  init?(decoding block: RawSpan) {
    var sum: UInt64 = 0
    for offset in 0..<Self.byteCount {
      sum += (148..<156).contains(offset) ? 32 : UInt64(block.byte(at: offset))
    }
    guard Self.number(block, 148, 8) == sum, let size = Self.number(block, 124, 12) else {
      return nil
    }
    let magic = block.extracting(257..<265).copyBytes()
    let isUSTAR = magic.starts(with: "ustar\0".utf8)
    let isGNU = magic.starts(with: "ustar  ".utf8)
    let prefix = isUSTAR ? Self.text(block, 345, 155) : []
    let shortName = Self.text(block, 0, 100)
    name = prefix.isEmpty ? shortName : prefix + [UInt8(ascii: "/")] + shortName
    mode = Self.number(block, 100, 8) ?? 0
    userID = Self.number(block, 108, 8) ?? 0
    groupID = Self.number(block, 116, 8) ?? 0
    self.size = size
    modificationTime = Self.signedNumber(block, 136, 12)
    type = block.byte(at: 156)
    linkTarget = Self.text(block, 157, 100)
    deviceMajor = isUSTAR || isGNU ? Self.number(block, 329, 8) ?? 0 : 0
    deviceMinor = isUSTAR || isGNU ? Self.number(block, 337, 8) ?? 0 : 0
    sparseRuns = Self.sparseRuns(block, at: 386, count: 4)
    hasMoreSparseRuns = block.byte(at: 482) != 0
    realSize = Self.number(block, 483, 12) ?? 0
  }

  /// Runs of data of a GNU sparse file, as far as they are given.
  static func sparseRuns(
    _ block: RawSpan, at offset: Int, count: Int
  ) -> [(offset: UInt64, byteCount: UInt64)] {
    (0..<count).compactMap { index in
      let entry = offset + index * runByteCount
      guard block.byte(at: entry) != 0, let start = number(block, entry, 12),
        let byteCount = number(block, entry + 12, 12)
      else { return nil }
      return (start, byteCount)
    }
  }

  private static func text(_ block: RawSpan, _ offset: Int, _ byteCount: Int) -> [UInt8] {
    Array(block.extracting(offset..<offset + byteCount).copyBytes().prefix { $0 != 0 })
  }

  /// An octal number, or a binary one when the highest bit of the field is set; nil when neither,
  /// and 0 for an empty field.
  static func number(_ block: RawSpan, _ offset: Int, _ byteCount: Int) -> UInt64? {
    let field = block.extracting(offset..<offset + byteCount).copyBytes()
    if let first = field.first, first & 0x80 != 0 {
      guard first == 0x80, field.dropLast(8).dropFirst().allSatisfy({ $0 == 0 }) else { return nil }
      return field.suffix(8).reduce(0) { $0 << 8 | UInt64($1) } & ~(byteCount > 8 ? 0 : 1 << 63)
    }
    let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0 && $0 != 0x20 }
    if digits.isEmpty { return 0 }
    return UInt64(String(decoding: digits, as: UTF8.self), radix: 8)
  }

  /// As ``number(_:_:_:)``, but binary numbers may be negative: times before 1970.
  private static func signedNumber(_ block: RawSpan, _ offset: Int, _ byteCount: Int) -> Int64 {
    let field = block.extracting(offset..<offset + byteCount).copyBytes()
    if field.first == 0xFF {
      return Int64(bitPattern: field.suffix(8).reduce(0) { $0 << 8 | UInt64($1) })
    }
    return Int64(clamping: number(block, offset, byteCount) ?? 0)
  }
}
