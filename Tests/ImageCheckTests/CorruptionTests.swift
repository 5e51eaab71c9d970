import Bytes
import EROFS
import EROFSReader
import ImageCheck
import TestSupport
import Testing

/// One or more images of every class of corruption: each is found, by its name and in its place.
@Suite(.enabled(if: SharedData.hasFixtures, "needs the reference images")) struct CorruptionTests {
  @Test(
    arguments: [
      (12, 8), (12, 17), (12, 255), (39, 0x7F), (43, 0x7F),
    ] as [(Int, UInt8)])
  func `superblock`(field: Int, value: UInt8) throws {
    var damage = try Damage(to: "lz4")
    damage.setSuperblock(value, at: field)
    let faults = try damage.faults()
    #expect(
      faults.contains { $0.kind == .superblock || $0.kind == .unsupported || $0.kind == .inode })
  }

  @Test func `superblock that leads to a file as root, or ends early`() throws {
    var damage = try Damage(to: "plain")
    let file = try damage.first { $0.fileType == .regular && $0.nid < 65536 }
    damage.setSuperblock(UInt16(file.nid), at: 14)
    try expect(.superblock, at: 1024, in: damage)
    var short = try Damage(to: "plain")
    short.bytes.removeLast(8192)
    try expect(.superblock, at: 1024, in: short)
    short.bytes.removeAll()
    try expect(.superblock, at: 1024, in: short)
  }

  @Test func `superblock with algorithms that cannot be`() throws {
    var unknown = try Damage(to: "zstd")
    unknown.setSuperblock(UInt16(0x18), at: 84)
    try expect(.unsupported, at: 1024, in: unknown)
    var window = try Damage(to: "zstd")
    window.setSuperblock(UInt8(11), at: 128 + 3)
    try expect(.superblock, at: 1024, in: window)
    var length = try Damage(to: "zstd")
    length.setSuperblock(UInt16(2), at: 128)
    try expect(.superblock, at: 1024, in: length)
  }

  @Test func `superblock with an unknown feature, or a checksum that is wrong`() throws {
    var damage = try Damage(to: "plain")
    damage.setSuperblock(UInt32(0x8000), at: 80)
    try expect(.unsupported, at: 1024, in: damage)
    var changed = try Damage(to: "plain", keepsChecksum: true)
    changed.bytes[1024 + 64] ^= 1
    try expect(.superblock, at: 1024, in: changed)
  }

  @Test(arguments: [0, 13, 0xFFF0, 4092] as [UInt16])
  func `directory whose first name is nowhere`(nameOffset: UInt16) throws {
    var damage = try Damage(to: "plain")
    let root = try damage.image.inode(damage.image.superblock.rootNID)
    let block = try damage.blockOffset(of: root)
    damage.set(nameOffset, at: block + 8)
    try expect(.directory, at: block, in: damage)
  }

  @Test func `directory with names out of order, empty, or of two parts`() throws {
    let intact = try Damage(to: "plain")
    let root = try intact.image.inode(intact.image.superblock.rootNID)
    let block = try intact.blockOffset(of: root)
    let firstName = block + Int(intact.get(block + 8, as: UInt16.self))
    var unsorted = intact
    unsorted.bytes[firstName] = 0xFF
    try expect(.directory, in: unsorted)
    var slashed = intact
    slashed.bytes[firstName] = UInt8(ascii: "/")
    try expect(.directory, at: block, in: slashed)
    var empty = intact
    empty.set(intact.get(block + 8, as: UInt16.self), at: block + 20)
    try expect(.directory, at: block, in: empty)
  }

  @Test func `directory entry of another type, or to no inode, or a wrong parent`() throws {
    let intact = try Damage(to: "plain")
    let root = try intact.image.inode(intact.image.superblock.rootNID)
    let entry = try intact.entryOffset(in: root) {
      $0.typeHint == .directory && $0.name.bytes.first != 0x2E
    }
    var mismatch = intact
    mismatch.bytes[entry + 10] = 1
    try expect(.directory, at: entry, in: mismatch)
    var beyond = intact
    beyond.set(UInt64(1) << 40, at: entry)
    try expect(.inode, in: beyond)
    var metabox = intact
    metabox.set(UInt64(1) << 63 | 36, at: entry)
    try expect(.inode, in: metabox)
    let dots = try intact.entryOffset(in: root) { $0.name == FileName("..") }
    var parent = intact
    parent.set(root.nid + 1, at: dots)
    try expect(.directory, at: dots, in: parent)
  }

  @Test func `graph with a loop, and a directory of two names`() throws {
    let intact = try Damage(to: "plain")
    let root = try intact.image.inode(intact.image.superblock.rootNID)
    var subdirectories: [DirectoryEntry] = []
    try intact.image.readDirectory(root, from: 0) { entry, _ in
      if entry.typeHint == .directory, entry.name.bytes.first != 0x2E {
        subdirectories.append(entry)
      }
      return true
    }
    let entry = try intact.entryOffset(in: root) { $0 == subdirectories[1] }
    var loop = intact
    loop.set(root.nid, at: entry)
    try expect(.graph, at: entry, in: loop)
    var twice = intact
    twice.set(subdirectories[0].nid, at: entry)
    try expect(.graph, at: entry, in: twice)
  }

  @Test func `inode with a bad format, layout, type, size or count of links`() throws {
    let intact = try Damage(to: "extended-inodes")
    let file = try intact.first { $0.fileType == .regular && $0.byteCount > 20_000 }
    let offset = intact.offset(of: file)
    for (field, value) in [(0, 0x21), (0, 0x0B), (4, 0), (44, 77)] as [(Int, UInt16)] {
      var damage = intact
      damage.set(value, at: offset + field)
      try expect(.inode, at: offset, in: damage)
    }
    for size in [UInt64.max, 1 << 63, 1 << 62, 0x80_0000_0000_0FFF] {
      var damage = intact
      damage.set(size, at: offset + 8)
      try expect(.inode, at: offset, in: damage)
    }
    var blank = intact
    for position in offset..<offset + 64 { blank.bytes[position] = 0xFF }
    try expect(.inode, at: offset, in: blank)
  }

  @Test func `inode of a symbolic link that is too long or has zeros in it`() throws {
    let intact = try Damage(to: "extended-inodes")
    let link = try intact.first { $0.fileType == .symbolicLink && $0.dataLayout == .inline }
    let offset = intact.offset(of: link)
    for size in [UInt64.max >> 1, 4096, 0] {
      var damage = intact
      damage.set(size, at: offset + 8)
      try expect(.inode, at: offset, in: damage)
    }
    var zero = intact
    zero.bytes[Int(try link.trailerAddress().offset)] = 0
    try expect(.inode, at: offset, in: zero)
  }

  @Test func `attribute area that is too short, and a prefix that does not exist`() throws {
    let intact = try Damage(to: "xattr-prefix")
    let file = try intact.first { $0.attributeByteCount > 24 }
    let offset = intact.offset(of: file)
    var shared = intact
    shared.bytes[Int(try file.attributeAddress().offset) + 4] = 255
    try expect(.attribute, at: offset, in: shared)
    var empty = intact
    empty.set(UInt16(1), at: offset + 2)
    try expect(.attribute, at: offset, in: empty)
    var denied = intact
    denied.set(UInt32.max, at: Int(try file.attributeAddress().offset))
    try expect(.attribute, at: offset, in: denied)
    let own = try intact.first {
      let area = try $0.attributeAddress().offset
      return $0.attributeByteCount > 24 && intact.bytes[Int(area) + 4] == 0
    }
    var prefix = intact
    prefix.bytes[Int(try own.attributeAddress().offset) + 12 + 1] = 0xFF
    try expect(.attribute, at: intact.offset(of: own), in: prefix)
    var long = intact
    long.set(UInt16.max, at: Int(try own.attributeAddress().offset) + 12 + 2)
    try expect(.attribute, at: intact.offset(of: own), in: long)
  }

  @Test func `chunk past the end, on a device that does not exist, or of a bad format`() throws {
    let intact = try Damage(to: "chunk-4k")
    let file = try intact.first { $0.dataLayout == .chunked && $0.byteCount > 50_000 }
    let table = Int(try file.trailerAddress().aligned(to: 4).offset)
    let offset = intact.offset(of: file)
    var far = intact
    far.set(UInt32.max - 1, at: table + 4)
    try expect(.chunk, at: offset, in: far)
    var format = intact
    format.set(UInt16(0x90), at: offset + 16)
    try expect(.chunk, at: offset, in: format)
    let blob = try Damage(to: "blobdev")
    let stored = try blob.first { $0.dataLayout == .chunked && $0.byteCount > 50_000 }
    var end = blob
    end.set(UInt32(0x7FFF_FFFF), at: Int(try stored.trailerAddress().aligned(to: 8).offset) + 4)
    try expect(.chunk, at: blob.offset(of: stored), in: end)
  }
}
