internal import Bytes

/// A point in time, as inodes keep it.
package struct Timestamp: Hashable, Sendable {
  /// Since 1970.
  package var seconds: Int64
  /// Below 10^9.
  package var nanoseconds: UInt32

  package init(seconds: Int64, nanoseconds: UInt32) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }
}

/// The two parts of a device number.
package struct DeviceNumber: Hashable, Sendable {
  package var major: UInt32
  package var minor: UInt32

  package init(major: UInt32, minor: UInt32) {
    self.major = major
    self.minor = minor
  }

  /// Splits the 32-bit form that Linux uses on disk.
  init(encoded: UInt32) {
    major = encoded >> 8 & 0xFFF
    minor = encoded & 0xFF | encoded >> 12 & 0xFFF00
  }
}

/// How an inode's content is stored.
package enum DataLayout: UInt8, Hashable, Sendable {
  /// In a run of blocks.
  case plain = 0
  /// Compressed, with an 8-byte index a block, or a table of extents.
  case compressedFull = 1
  /// In a run of blocks, with the last part beside the inode.
  case inline = 2
  /// Compressed, with indexes of 2 to 4 bytes a block.
  case compressedCompact = 3
  /// In chunks of equal size, which lie anywhere.
  case chunked = 4
}

/// A checked inode: everything that the 32 or 64 bytes at its nid say.
///
/// | Compact | Extended | Size | Field                                                  |
/// |--------:|---------:|-----:|--------------------------------------------------------|
/// |       0 |        0 |    2 | format: bit 0 extended, 1-3 layout, 4 see below        |
/// |       2 |        2 |    2 | extended attribute size, in a code                     |
/// |       4 |        4 |    2 | mode                                                   |
/// |       6 |        6 |    2 | compact: link count, or bits 32 to 47 of the address   |
/// |       8 |        8 |  4/8 | size                                                   |
/// |      12 |       32 |  4/8 | seconds, from the epoch in compact inodes              |
/// |       – |       40 |    4 | nanoseconds                                            |
/// |      16 |       16 |    4 | block address, device number or chunk format           |
/// |      20 |       20 |    4 | serial number                                          |
/// |      24 |       24 |  2/4 | owner                                                  |
/// |      26 |       28 |  2/4 | group                                                  |
/// |       – |       44 |    4 | link count                                             |
///
/// Format bit 4 says that a directory stores no ".", and that the field at 6 of any other compact
/// inode is part of the address, its link count being 1.
package struct Inode: Hashable, Sendable {
  /// The length of every inode's first part, which says whether there is a second.
  package static let compactByteCount = 32
  package static let extendedByteCount = 64

  package let nid: UInt64
  /// Where the inode itself is.
  package let address: MetadataAddress
  package let isExtended: Bool
  package let dataLayout: DataLayout
  /// Type and permissions, as in `st_mode`.
  package let mode: UInt16
  package let fileType: FileType
  package let userID: UInt32
  package let groupID: UInt32
  package let linkCount: UInt32
  /// The size of the content, at most 2^63 - 1.
  package let byteCount: UInt64
  package let modificationTime: Timestamp
  /// A number from 1 for systems whose inode numbers have 32 bits.
  package let serialNumber: UInt32
  /// The size of the extended attributes behind the inode.
  package let attributeByteCount: Int
  /// Whether the directory stores no entry for itself.
  package let omitsDot: Bool
  /// The first block of plain and inline content, or nil when it is all zeros.
  package let firstBlock: UInt64?
  /// The field at 16, which means different things by type and layout.
  private let union: UInt32

  package var headByteCount: Int { isExtended ? Self.extendedByteCount : Self.compactByteCount }

  /// The device that a character or block device stands for; zeros for other files.
  package var deviceNumber: DeviceNumber {
    DeviceNumber(encoded: fileType.isDevice ? union : 0)
  }

  /// The format of the chunk table, meaningful for ``DataLayout/chunked`` only.
  package var chunkFormat: UInt16 { UInt16(truncatingIfNeeded: union) }  // the upper half is spare

  /// Where the extended attributes are, or would be.
  package func attributeAddress() throws(EROFSError) -> MetadataAddress {
    try address.advanced(by: UInt64(headByteCount))
  }

  /// Where what follows the extended attributes is, before alignment.
  package func trailerAddress() throws(EROFSError) -> MetadataAddress {
    try address.advanced(by: UInt64(headByteCount + attributeByteCount))
  }

  /// The length of the inode that starts with the two bytes in `bytes`.
  package static func byteCount(ofInodeIn bytes: RawSpan) -> Int {
    bytes.byte(at: 0) & 1 == 1 ? extendedByteCount : compactByteCount
  }

  /// Decodes and checks the inode `nid`, all of which is in `bytes`.
  package init(
    decoding bytes: RawSpan, nid: UInt64, superblock: Superblock
  ) throws(EROFSError) {
    self.nid = nid
    address = try superblock.address(ofNode: nid)
    let format: UInt16 = bytes.load(fromByteOffset: 0)
    guard format < 0x20, let layout = DataLayout(rawValue: UInt8(format >> 1 & 7)) else {
      throw EROFSError(.badInode("format 0x\(String(format, radix: 16))"), at: nid)
    }
    dataLayout = layout
    isExtended = format & 1 == 1
    let needed = isExtended ? Self.extendedByteCount : Self.compactByteCount
    guard bytes.byteCount >= needed else { throw EROFSError(.outOfBounds("inode"), at: nid) }
    mode = bytes.load(fromByteOffset: 4)
    guard let type = FileType(mode: mode) else {
      throw EROFSError(.badInode("mode \(String(mode, radix: 8))"), at: nid)
    }
    fileType = type
    let attributeCode = Int(bytes.load(fromByteOffset: 2, as: UInt16.self))
    attributeByteCount = attributeCode == 0 ? 0 : 12 + 4 * (attributeCode - 1)
    union = bytes.load(fromByteOffset: 16)
    serialNumber = bytes.load(fromByteOffset: 20)
    let flag = format & 0x10 != 0
    omitsDot = flag && type == .directory
    let high: UInt16 = bytes.load(fromByteOffset: 6)
    let addressHasHighPart: Bool
    if isExtended {
      byteCount = bytes.load(fromByteOffset: 8)
      userID = bytes.load(fromByteOffset: 24)
      groupID = bytes.load(fromByteOffset: 28)
      linkCount = bytes.load(fromByteOffset: 44)
      modificationTime = Timestamp(
        seconds: bytes.load(fromByteOffset: 32), nanoseconds: bytes.load(fromByteOffset: 40))
      addressHasHighPart = true
    } else {
      byteCount = UInt64(bytes.load(fromByteOffset: 8, as: UInt32.self))
      userID = UInt32(bytes.load(fromByteOffset: 24, as: UInt16.self))
      groupID = UInt32(bytes.load(fromByteOffset: 26, as: UInt16.self))
      addressHasHighPart = flag && type != .directory
      linkCount = addressHasHighPart ? 1 : UInt32(high)
      let (seconds, overflow) = superblock.epoch.addingReportingOverflow(
        Int64(bytes.load(fromByteOffset: 12, as: UInt32.self)))
      guard !overflow else { throw EROFSError(.badInode("time"), at: nid) }
      modificationTime = Timestamp(seconds: seconds, nanoseconds: superblock.fixedNanoseconds)
    }
    guard byteCount <= UInt64(Int64.max) else {
      throw EROFSError(.badInode("size \(byteCount)"), at: nid)
    }
    guard modificationTime.nanoseconds < 1_000_000_000 else {
      throw EROFSError(.badInode("nanoseconds"), at: nid)
    }
    let highPart = addressHasHighPart ? UInt64(high) << 32 : 0
    let block = UInt64(union) | highPart
    let hole: UInt64 = addressHasHighPart ? 0xFFFF_FFFF_FFFF : 0xFFFF_FFFF
    firstBlock = block == hole ? nil : block
  }
}
