import Bytes
import EROFS
import EROFSReader
import ImageCheck
import TestSupport
import Testing

/// Corruption of compressed files: maps, data, fragments, and data that several extents share.
@Suite(.enabled(if: SharedData.hasFixtures, "needs the reference images"))
struct CompressionCorruptionTests {
  /// A file of `name` with several compressed extents.
  private func compressedFile(_ damage: Damage, _ layout: DataLayout) throws -> Inode {
    try damage.first {
      guard $0.fileType == .regular, $0.dataLayout == layout, $0.byteCount > 60_000 else {
        return false
      }
      let extents = try damage.image.extents(of: $0)
      return extents.count > 1
        && extents.allSatisfy { if case .compressed = $0.kind { true } else { false } }
    }
  }

  @Test(
    arguments: [
      (8, 0x2001), (8, 0x1FFF), (16, 0x0000),
    ] as [(Int, UInt16)])
  func `cluster index without a head, off its cluster, or of an algorithm that is not there`(
    field: Int, value: UInt16
  ) throws {
    let intact = try Damage(to: "lz4")
    let file = try compressedFile(intact, .compressedCompact)
    let map = try intact.mapOffset(of: file)
    var damage = intact
    if field == 8 {
      damage.set(value, at: map + 8)
    } else {
      damage.bytes[map + 6] = 0x03
    }
    try expect(.clusterIndex, at: intact.offset(of: file), in: damage)
  }

  @Test func `cluster index that leads past the end, or has reserved bits`() throws {
    let intact = try Damage(to: "lz4-legacy")
    let file = try compressedFile(intact, .compressedFull)
    let table = try intact.mapOffset(of: file) + 16
    var far = intact
    far.set(UInt32(0x7FFF_FFFF), at: table + 4)
    try expect(.clusterIndex, at: intact.offset(of: file), in: far)
    var reserved = intact
    reserved.set(UInt16(0x0101), at: table)
    try expect(.clusterIndex, at: intact.offset(of: file), in: reserved)
    var headless = intact
    headless.set(UInt16(2), at: table)
    try expect(.clusterIndex, at: intact.offset(of: file), in: headless)
  }

  @Test func `extent table with records past the end, of a bad encoding, or too many`() throws {
    let intact = try Damage(to: "48bit-zstd")
    let file = try intact.first {
      $0.dataLayout == .compressedFull && $0.byteCount > 60_000 && intact.image.hasExtentTable($0)
    }
    let map = try intact.mapOffset(of: file)
    #expect(intact.get(map + 4, as: UInt16.self) & 0x07 == 1)
    var far = intact
    far.set(UInt64(1) << 60, at: map + 8)
    try expect(.extentTable, at: intact.offset(of: file), in: far)
    var encoding = intact
    encoding.bytes[map + 16 + 3] = 0xF0
    try expect(.extentTable, at: intact.offset(of: file), in: encoding)
    var size = intact
    size.set(UInt64(1) << 50, at: intact.offset(of: file) + 8)
    try expect(.extentTable, at: intact.offset(of: file), in: size)
  }

  @Test(arguments: ["lz4", "lzma", "deflate", "zstd"])
  func `data that is all padding, or noise`(name: String) throws {
    let intact = try Damage(to: name)
    let file = try compressedFile(intact, .compressedCompact)
    let extent = try intact.image.extents(of: file)[1]
    let range = Int(extent.storedOffset)..<Int(extent.storedOffset + extent.storedByteCount)
    var blank = intact
    for position in range { blank.bytes[position] = 0 }
    try expect(.data, at: range.lowerBound, in: blank)
    var noise = intact
    for position in range { noise.bytes[position] = 0xFE }
    try expect(.data, at: range.lowerBound, in: noise)
  }

  /// Of an extent that ends too early the next starts too early, with bytes of other places.
  @Test(arguments: ["lz4", "lzma", "deflate"])
  func `data that goes on where the next extent starts`(name: String) throws {
    let intact = try Damage(to: name)
    // The second index of the first pack, a head with room before it.
    func secondIndex(of file: Inode) throws -> Int { try intact.mapOffset(of: file) + 10 }
    let file = try intact.first {
      guard $0.fileType == .regular, $0.dataLayout == .compressedCompact, $0.byteCount > 4096,
        case .compressed = try intact.image.extents(of: $0)[0].kind
      else { return false }
      let index = intact.get(try secondIndex(of: $0), as: UInt16.self)
      return index >> 12 != 2 && index & 0xFFF >= 16
    }
    let extent = try intact.image.extents(of: file)[0]
    var damage = intact
    let index = try secondIndex(of: file)
    damage.set(intact.get(index, as: UInt16.self) - 16, at: index)
    try expect(.data, at: Int(extent.storedOffset), in: damage)
  }

  @Test func `fragment past the end of the packed inode, and a packed inode that is none`() throws {
    let intact = try Damage(to: "lz4-frag")
    let packed = try #require(intact.image.superblock.packedNID)
    let file = try intact.first {
      guard $0.fileType == .regular, $0.dataLayout == .compressedCompact, $0.byteCount > 0 else {
        return false
      }
      return try intact.image.extents(of: $0).last?.kind == .fragment
    }
    var far = intact
    far.set(UInt32.max, at: try intact.mapOffset(of: file))
    try expect(.specialInode, at: intact.offset(of: file), in: far)
    var directory = intact
    directory.setSuperblock(intact.image.superblock.rootNID, at: 96)
    let root = try intact.image.inode(intact.image.superblock.rootNID)
    try expect(.specialInode, at: intact.offset(of: root), in: directory)
    var missing = intact
    missing.setSuperblock(packed + 1 << 40, at: 96)
    let faults = try missing.faults()
    #expect(faults.contains { $0.kind == .specialInode })
  }

  @Test func `overlap of extents that decode the same data to different lengths`() throws {
    let intact = try Damage(to: "lz4-legacy")
    let file = try compressedFile(intact, .compressedFull)
    let extents = try intact.image.extents(of: file)
    #expect(extents[0].byteCount != extents[1].byteCount)
    var damage = intact
    // The second head of the file's table takes the block of the first.
    let table = try intact.mapOffset(of: file) + 16
    var index = 1
    while intact.get(table + index * 8, as: UInt16.self) & 3 == 2 { index += 1 }
    damage.set(intact.get(table + 4, as: UInt32.self), at: table + index * 8 + 4)
    try expect(.overlap, at: Int(extents[0].storedOffset), in: damage)
  }

  @Test func `overlap of data that begins within other data`() throws {
    let intact = try Damage(to: "48bit-zstd")
    let file = try intact.first {
      $0.dataLayout == .compressedFull && $0.byteCount > 60_000 && intact.image.hasExtentTable($0)
    }
    let map = try intact.mapOffset(of: file)
    var damage = intact
    let start = intact.get(map + 8, as: UInt64.self)
    damage.set(start + 7, at: map + 8)
    let faults = try damage.faults()
    #expect(faults.contains { $0.kind == .overlap || $0.kind == .data })
  }

  @Test func `fingerprint of other content`() throws {
    var damage = try Damage(to: "fingerprint-trusted")
    let file = try damage.first {
      $0.fileType == .regular && $0.dataLayout == .plain && $0.byteCount > 4096
    }
    damage.bytes[Int(try damage.image.extents(of: file)[0].storedOffset) + 100] ^= 0x10
    try expect(.fingerprint, at: damage.offset(of: file), in: damage, digests: true)
    #expect(try damage.faults().isEmpty)
  }
}
