import Bytes
import EROFS
import EROFSReader

/// A small image of a tree put together by hand, for trees that no builder would make.
///
/// Blocks are of 4 KiB: the superblock's, then inodes in slots of 512 bytes with their data behind
/// them. Nothing is checked, so that a directory may hold itself.
struct HandmadeTree {
  struct Node {
    var mode: UInt16
    var linkCount: UInt32 = 1
    var device: UInt32 = 0
    var content: [UInt8] = []
    /// Name and slot.
    var entries: [(name: String, slot: Int)]?

    static func directory(_ entries: [(name: String, slot: Int)]) -> Node {
      Node(mode: 0o040755, linkCount: 2, entries: entries)
    }

    static func file(_ content: String, linkCount: UInt32 = 1) -> Node {
      Node(mode: 0o100644, linkCount: linkCount, content: Array(content.utf8))
    }

    static func device(major: UInt32, minor: UInt32, linkCount: UInt32 = 1) -> Node {
      Node(mode: 0o020600, linkCount: linkCount, device: major << 8 | minor)
    }
  }

  private static let slotByteCount = 512

  /// The inodes; the root is the first.
  var nodes: [Node]

  func open() throws -> Image {
    let blockCount = 1 + (nodes.count * Self.slotByteCount).dividedRoundingUp(by: 4096)
    var bytes = [UInt8](repeating: 0, count: blockCount * 4096)
    var header = bytes.mutableRawSpan
    header.store(Superblock.magic, atByteOffset: 1024)
    header.store(12 as UInt8, atByteOffset: 1024 + 12)
    header.store(UInt32(blockCount), atByteOffset: 1024 + 36)
    header.store(1 as UInt32, atByteOffset: 1024 + 40)
    for (slot, node) in nodes.enumerated() {
      let start = 4096 + slot * Self.slotByteCount
      let inode = inode(node)
      bytes.replaceSubrange(start..<start + inode.count, with: inode)
    }
    return try Image(source: MemorySource(bytes), devices: [])
  }

  private func nid(ofSlot slot: Int) -> UInt64 { UInt64(slot * Self.slotByteCount / 32) }

  private func inode(_ node: Node) -> [UInt8] {
    let content = node.entries.map { directory($0) } ?? node.content
    var writer = ByteWriter()
    // Extended, with its data inline.
    writer.append(1 | 2 << 1 as UInt16)
    writer.append(0 as UInt16)
    writer.append(node.mode)
    writer.append(0 as UInt16)
    writer.append(UInt64(content.count))
    writer.append(node.device)
    writer.append(1 as UInt32)
    writer.append([UInt8](repeating: 0, count: 20))
    writer.append(node.linkCount)
    writer.append([UInt8](repeating: 0, count: 16))
    return writer.bytes + content
  }

  private func directory(_ entries: [(name: String, slot: Int)]) -> [UInt8] {
    // The dots are nobody's business here but for their place in the order.
    let entries = (entries + [(".", 0), ("..", 0)]).sorted {
      Array($0.name.utf8).lexicographicallyPrecedes(Array($1.name.utf8))
    }
    var heads = ByteWriter()
    var names: [UInt8] = []
    for entry in entries {
      let type: FileType =
        switch nodes[entry.slot].mode >> 12 {
        case 4: .directory
        case 2: .characterDevice
        default: .regular
        }
      heads.append(nid(ofSlot: entry.slot))
      heads.append(UInt16(entries.count * 12 + names.count))
      heads.append(type.rawValue)
      heads.append(0 as UInt8)
      names += Array(entry.name.utf8)
    }
    return heads.bytes + names
  }
}
