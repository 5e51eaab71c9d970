internal import Bytes

/// What precedes the extended attributes of an inode.
///
/// | Offset | Size | Field                                                     |
/// |-------:|-----:|-----------------------------------------------------------|
/// |      0 |    4 | name filter                                               |
/// |      4 |    1 | count of shared attributes                                |
/// |     12 |  4 n | their numbers                                             |
///
/// The inode's own attributes follow, each aligned to 4 bytes.
package struct AttributeHeader: Hashable, Sendable {
  package static let byteCount = 12

  /// A bit is set for every class of names none of which the inode has.
  package let absentNames: UInt32
  package let sharedIDs: [UInt32]

  /// Where the inode's own attributes start.
  package var byteCount: Int { Self.byteCount + 4 * sharedIDs.count }

  /// Decodes the header in `bytes`, all the attribute area of inode `nid`.
  package init(decoding bytes: RawSpan, nid: UInt64) throws(EROFSError) {
    guard bytes.byteCount >= Self.byteCount else {
      throw EROFSError(.badExtendedAttribute("short area"), at: nid)
    }
    absentNames = bytes.load(fromByteOffset: 0)
    let count = Int(bytes.byte(at: 4))
    guard Self.byteCount + 4 * count <= bytes.byteCount else {
      throw EROFSError(.badExtendedAttribute("\(count) shared attributes"), at: nid)
    }
    sharedIDs = (0..<count).map { bytes.load(fromByteOffset: Self.byteCount + 4 * $0) }
  }
}

/// One extended attribute, as an inode or the shared area stores it.
///
/// | Offset | Size | Field                                                     |
/// |-------:|-----:|-----------------------------------------------------------|
/// |      0 |    1 | length of the name                                        |
/// |      1 |    1 | namespace, or 128 + number of a long prefix               |
/// |      2 |    2 | length of the value                                       |
/// |      4 |      | name without its prefix, then value                       |
package struct AttributeEntry: ~Escapable {
  package static let headByteCount = 4

  /// The bytes an entry takes whose head is in `bytes`, without padding.
  package static func byteCount(ofEntryIn bytes: RawSpan) -> Int {
    headByteCount + Int(bytes.byte(at: 0)) + Int(bytes.load(fromByteOffset: 2, as: UInt16.self))
  }

  /// The namespace's number, when bit 7 is clear.
  package let nameIndex: UInt8
  /// What follows the prefix.
  package let suffix: RawSpan
  package let value: RawSpan
  private let entryByteCount: Int

  /// Where the next entry starts, if there is one.
  package var paddedByteCount: Int { entryByteCount.roundedUp(toMultipleOf: 4) }

  /// Whether this is the zero filler that some writers leave.
  package var isFiller: Bool {
    nameIndex == 0 && suffix.isEmpty && value.isEmpty
  }

  /// The number of the entry's long prefix, if it has one.
  package var longPrefix: Int? { nameIndex & 0x80 != 0 ? Int(nameIndex & 0x7F) : nil }

  /// Decodes the entry at the start of `bytes`, which belongs to inode `nid`.
  @_lifetime(copy bytes)
  package init(decoding bytes: RawSpan, nid: UInt64) throws(EROFSError) {
    guard bytes.byteCount >= Self.headByteCount else {
      throw EROFSError(.badExtendedAttribute("short entry"), at: nid)
    }
    let byteCount = Self.byteCount(ofEntryIn: bytes)
    guard byteCount <= bytes.byteCount else {
      throw EROFSError(.badExtendedAttribute("entry past the end of its area"), at: nid)
    }
    let nameEnd = Self.headByteCount + Int(bytes.byte(at: 0))
    nameIndex = bytes.byte(at: 1)
    suffix = bytes.extracting(Self.headByteCount..<nameEnd)
    value = bytes.extracting(nameEnd..<byteCount)
    entryByteCount = byteCount
  }
}
