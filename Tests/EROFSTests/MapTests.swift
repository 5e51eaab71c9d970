import Bytes
import EROFS
import Testing

@Suite struct MapTests {
  private static func inode(layout: UInt16, size: UInt32 = 10_000, union: UInt32 = 0) throws
    -> Inode
  {
    let bytes = FormatBytes(count: 32).setting(layout << 1, at: 0).setting(UInt16(0o100644), at: 4)
      .setting(size, at: 8).setting(union, at: 16)
    return try Inode(
      decoding: bytes.bytes.rawSpan, nid: 3, superblock: try FormatBytes.decodedSuperblock())
  }

  private static func header(_ bytes: [UInt8], layout: UInt16 = 3) throws -> ClusterMapHeader {
    try ClusterMapHeader(
      decoding: bytes.rawSpan, of: try inode(layout: layout),
      superblock: try FormatBytes.decodedSuperblock())
  }

  @Test func `tells the forms of maps apart`() throws {
    #expect(try Self.header([0, 0, 0, 0, 1, 0, 0, 0]).form == .compactIndexes(isDense: true))
    #expect(try Self.header([0, 0, 0, 0, 0, 0, 0, 0]).form == .compactIndexes(isDense: false))
    #expect(try Self.header([0, 0, 0, 0, 0, 0, 0, 0], layout: 1).form == .fullIndexes)
    #expect(
      try Self.header([2, 0, 0, 0, 5, 0, 1, 0], layout: 1).form
        == .extents(recordByteCount: 16, count: 1 << 32 | 2))
    #expect(
      try Self.header([1, 2, 3, 4, 5, 6, 7, 0x80]).form
        == .wholeFragment(offset: 0x0007_0605_0403_0201))
  }

  @Test func `decodes tails`() throws {
    let packed = try Self.header([0, 0, 0xB8, 0x04, 9, 0, 0, 0])
    #expect(packed.inlineByteCount == 1208 && packed.fragmentOffset == nil)
    let fragment = try Self.header([1, 0, 0xB8, 0x04, 0x21, 0, 0, 0])
    #expect(fragment.inlineByteCount == 0 && fragment.fragmentOffset == 0x04B8_0001)
  }

  @Test(
    arguments: [
      ("unknown algorithm", [0, 0, 0, 0, 1, 0, 4, 0], false),
      ("one kind of big clusters", [0, 0, 0, 0, 3, 0, 0, 0], false),
      ("inline cluster above a block", [0, 0, 1, 0x10, 9, 0, 0, 0], false),
      ("clusters of two blocks", [0, 0, 0, 0, 1, 0, 0, 1], true),
      ("unknown flags", [0, 0, 0, 0, 1, 1, 0, 0], true),
    ] as [(String, [UInt8], Bool)])
  func `refuses headers`(what: String, bytes: [UInt8], isUnsupported: Bool) {
    let error = #expect(throws: EROFSError.self) { try Self.header(bytes) }
    #expect(error?.isUnsupported == isUnsupported, "\(what)")
  }

  @Test func `decodes chunk tables of both widths`() throws {
    let superblock = try FormatBytes.decodedSuperblock {
      $0.set(UInt32(0x0C), at: 80)
      $0.set(UInt16(2), at: 86)
    }
    let map = try ChunkTable(of: Self.inode(layout: 4, union: 2), superblock: superblock)
    #expect(map.chunkBits == 14 && map.recordByteCount == 4)
    let blocks = FormatBytes(count: 8).setting(UInt32(9), at: 0).setting(UInt32.max, at: 4)
    #expect(map.chunk(at: 0, in: blocks.bytes.rawSpan) == .block(9, device: 0))
    #expect(map.chunk(at: 1, in: blocks.bytes.rawSpan) == .hole)

    // The device number has two bits that count; the rest is ignored.
    let record = FormatBytes(count: 8).setting(UInt16(1), at: 0).setting(UInt16(0xFFFE), at: 2)
      .setting(UInt32(7), at: 4)
    let narrow = try ChunkTable(of: Self.inode(layout: 4, union: 0x20), superblock: superblock)
    #expect(narrow.chunk(at: 0, in: record.bytes.rawSpan) == .block(7, device: 2))
    let wide = try ChunkTable(of: Self.inode(layout: 4, union: 0x60), superblock: superblock)
    #expect(wide.chunk(at: 0, in: record.bytes.rawSpan) == .block(7 | 1 << 32, device: 2))
    for union in [0x40, 0x80, 0x100] as [UInt32] {
      #expect(throws: EROFSError.self) {
        try ChunkTable(of: Self.inode(layout: 4, union: union), superblock: superblock)
      }
    }
  }

  @Test func `decodes records of extents of every length`() throws {
    var bytes = FormatBytes(count: 32)
    bytes.set(UInt32(0x1000_1059), at: 0)
    bytes.set(UInt32(0x259000), at: 4)
    bytes.set(UInt32(1), at: 8)
    bytes.set(UInt32(0x4000), at: 12)
    bytes.set(UInt32(2), at: 16)
    let span = bytes.bytes.rawSpan
    let short = EncodedExtent(decoding: span, at: 0, recordByteCount: 4)
    #expect(short.byteCount == 0x1059 && short.address == 0)
    #expect(try short.encoding(nid: 1) == .compressed(.lz4))
    #expect(EncodedExtent(decoding: span, at: 0, recordByteCount: 8).address == 0x259000)
    let long = EncodedExtent(decoding: span, at: 0, recordByteCount: 16)
    #expect(long.address == 0x1_0025_9000 && long.fileOffset == 0x4000)
    let longest = EncodedExtent(decoding: span, at: 0, recordByteCount: 32)
    #expect(longest.fileOffset == 0x2_0000_4000)
    let unknown = EncodedExtent(
      decoding: bytes.setting(UInt32(0x5000_0001), at: 0).bytes.rawSpan, at: 0, recordByteCount: 4)
    #expect(throws: EROFSError.self) { try unknown.encoding(nid: 1) }
  }
}
