import Bytes
import EROFS
import EROFSReader

/// An image put together byte by byte, for what no fixture has.
///
/// Blocks are of 4 KiB: the superblock's, one of inodes in slots of 512 bytes, then data.
struct HandmadeImage {
  static let slotByteCount = 512
  /// The number of the inode in `slot`, which counts from 0.
  static func nid(ofSlot slot: Int) -> UInt64 { UInt64(slot * slotByteCount / 32) }

  var bytes: [UInt8]

  /// An image with the root in slot 0 and the given incompatible features.
  init(blockCount: Int, features: UInt32) {
    bytes = [UInt8](repeating: 0, count: blockCount * 4096)
    setField(Superblock.magic, at: 0)
    setField(UInt8(12), at: 12)
    setField(UInt32(blockCount), at: 36)
    setField(UInt32(1), at: 40)
    setField(features, at: 80)
  }

  mutating func set<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    var span = bytes.mutableRawSpan
    span.store(value, atByteOffset: offset)
  }

  /// Sets a field of the superblock.
  mutating func setField<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    set(value, at: 1024 + offset)
  }

  mutating func put(_ part: [UInt8], at offset: Int) {
    bytes.replaceSubrange(offset..<offset + part.count, with: part)
  }

  /// Puts an inode and what follows it into `slot` of the block of inodes.
  mutating func put(_ inode: [UInt8], inSlot slot: Int) {
    put(inode, at: 4096 + slot * Self.slotByteCount)
  }

  /// An extended inode.
  static func inode(
    layout: UInt16, mode: UInt16 = 0o100644, byteCount: Int, union: UInt32 = 0, high: UInt16 = 0,
    formatBits: UInt16 = 0
  ) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(1 | layout << 1 | formatBits)
    writer.append(UInt16(0))
    writer.append(mode)
    writer.append(high)
    writer.append(UInt64(byteCount))
    writer.append(union)
    writer.append(UInt32(1))
    writer.append([UInt8](repeating: 0, count: 20))
    writer.append(UInt32(1))
    writer.append([UInt8](repeating: 0, count: 16))
    return writer.bytes
  }

  /// A directory with its entries beside it; `entries` are in order.
  static func directory(
    _ entries: [(name: String, nid: UInt64, type: FileType)], formatBits: UInt16 = 0
  ) -> [UInt8] {
    var heads = ByteWriter()
    var names: [UInt8] = []
    for entry in entries {
      heads.append(entry.nid)
      heads.append(UInt16(entries.count * 12 + names.count))
      heads.append(entry.type.rawValue)
      heads.append(UInt8(0))
      names += Array(entry.name.utf8)
    }
    let data = heads.bytes + names
    return inode(layout: 2, mode: 0o040755, byteCount: data.count, formatBits: formatBits) + data
  }

  /// Puts a root into slot 0, with files of the given names in the slots from 1 on.
  mutating func putRoot(files: [String]) {
    let root = Self.nid(ofSlot: 0)
    var entries: [(name: String, nid: UInt64, type: FileType)] = [
      (".", root, .directory), ("..", root, .directory),
    ]
    for (index, name) in files.enumerated() {
      entries.append((name, Self.nid(ofSlot: index + 1), .regular))
    }
    put(Self.directory(entries), inSlot: 0)
  }

  func open(devices: [[UInt8]] = []) throws -> Image {
    try Image(source: MemorySource(bytes), devices: devices.map { MemorySource($0) })
  }

  /// Bytes that LZ4 shortens and that do not repeat at short distances.
  static func text(count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var number = 0
    while bytes.count < count {
      bytes += Array("line \(number) of a text; ".utf8)
      number += 1
    }
    return Array(bytes.prefix(count))
  }
}

extension Image {
  /// All content of the file called `name` in the root.
  func content(ofFile name: String, pieceByteCount: Int = 1 << 20) throws -> [UInt8]? {
    guard let inode = try resolve(path: [FileName(name)]) else { return nil }
    return try content(of: inode, pieceByteCount: pieceByteCount)
  }
}
