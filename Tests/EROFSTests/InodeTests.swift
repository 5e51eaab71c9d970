import Bytes
import EROFS
import Testing

@Suite struct InodeTests {
  private static func compact(format: UInt16, mode: UInt16 = 0o100644) -> FormatBytes {
    var inode = FormatBytes(count: 32)
    inode.set(format, at: 0)
    inode.set(UInt16(3), at: 2)
    inode.set(mode, at: 4)
    inode.set(UInt16(2), at: 6)
    inode.set(UInt32(1000), at: 8)
    inode.set(UInt32(10), at: 12)
    inode.set(UInt32(77), at: 16)
    inode.set(UInt16(500), at: 24)
    inode.set(UInt16(600), at: 26)
    return inode
  }

  private static func decode(_ inode: FormatBytes) throws -> Inode {
    try Inode(
      decoding: inode.bytes.rawSpan, nid: 4, superblock: try FormatBytes.decodedSuperblock())
  }

  @Test func `decodes a compact inode`() throws {
    let inode = try Self.decode(Self.compact(format: 4))
    #expect(!inode.isExtended && inode.dataLayout == .inline && inode.fileType == .regular)
    #expect(inode.mode == 0o100644 && inode.userID == 500 && inode.groupID == 600)
    #expect(inode.linkCount == 2 && inode.byteCount == 1000 && inode.firstBlock == 77)
    #expect(inode.modificationTime == Timestamp(seconds: 1_700_000_010, nanoseconds: 5))
    #expect(inode.attributeByteCount == 20)
    #expect(try inode.trailerAddress().offset == 4 * 32 + 32 + 20)
  }

  @Test func `decodes an extended inode`() throws {
    var bytes = FormatBytes(count: 64)
    bytes.set(UInt16(1), at: 0)
    bytes.set(UInt16(0o040755), at: 4)
    bytes.set(UInt16(1), at: 6)
    bytes.set(UInt64(1) << 40, at: 8)
    bytes.set(UInt32(9), at: 16)
    bytes.set(UInt32(4_000_000_000), at: 24)
    bytes.set(UInt32(100_000), at: 28)
    bytes.set(Int64(-5), at: 32)
    bytes.set(UInt32(999_999_999), at: 40)
    bytes.set(UInt32(70_000), at: 44)
    let inode = try Self.decode(bytes)
    #expect(inode.isExtended && inode.fileType == .directory && inode.byteCount == 1 << 40)
    #expect(inode.userID == 4_000_000_000 && inode.groupID == 100_000)
    #expect(inode.linkCount == 70_000 && inode.firstBlock == 9 | 1 << 32)
    #expect(inode.modificationTime == Timestamp(seconds: -5, nanoseconds: 999_999_999))
  }

  @Test func `a file that spends its link count on the address has one link`() throws {
    let inode = try Self.decode(Self.compact(format: 0x10))
    #expect(inode.linkCount == 1 && inode.firstBlock == 77 | 2 << 32 && !inode.omitsDot)
    let directory = try Self.decode(Self.compact(format: 0x10, mode: 0o040755))
    #expect(directory.linkCount == 2 && directory.firstBlock == 77 && directory.omitsDot)
  }

  @Test func `an address of ones is a hole`() throws {
    let narrow = Self.compact(format: 0).setting(UInt32.max, at: 16)
    #expect(try Self.decode(narrow).firstBlock == nil)
    let wide = Self.compact(format: 0x10).setting(UInt32.max, at: 16)
    #expect(try Self.decode(wide).firstBlock == 0x2_FFFF_FFFF)
    #expect(try Self.decode(wide.setting(UInt16.max, at: 6)).firstBlock == nil)
  }

  @Test func `splits device numbers as Linux joins them`() throws {
    let device = Self.compact(format: 0, mode: 0o020666).setting(UInt32(0x1111_0370), at: 16)
    #expect(try Self.decode(device).deviceNumber == DeviceNumber(major: 259, minor: 70000))
  }

  @Test(
    arguments: [
      ("reserved format bits", compact(format: 0x20)),
      ("layout 5", compact(format: 5 << 1)),
      ("layout 7", compact(format: 7 << 1)),
      ("no type", compact(format: 0, mode: 0o644)),
      ("unknown type", compact(format: 0, mode: 0o150644)),
      ("all ones", FormatBytes(count: 64).setting(UInt64.max, at: 0)),
      ("extended form cut short", compact(format: 1)),
    ] as [(String, FormatBytes)])
  func `refuses what contradicts the format`(what: String, bytes: FormatBytes) {
    let error = #expect(throws: EROFSError.self) { try Self.decode(bytes) }
    #expect(error?.isUnsupported == false)
  }

  @Test func `refuses sizes above 63 bits and nanoseconds above a second`() {
    var bytes = FormatBytes(count: 64)
    bytes.set(UInt16(1), at: 0)
    bytes.set(UInt16(0o100644), at: 4)
    let huge = bytes.setting(UInt64(1) << 63, at: 8)
    let late = bytes.setting(UInt32(1_000_000_000), at: 40)
    #expect(throws: EROFSError.self) { try Self.decode(huge) }
    #expect(throws: EROFSError.self) { try Self.decode(late) }
    #expect(throws: Never.self) {
      try Self.decode(bytes.setting(UInt64(Int64.max), at: 8))
    }
  }
}
