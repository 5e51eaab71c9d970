internal import Bytes

/// How the entries of a directory are spread over its blocks: greedily, in order of the names.
///
/// Sizes depend on the names alone, so a directory can be laid out before any inode has a number.
package struct DirectoryPacking: Hashable, Sendable {
  /// The directory's size in bytes: full blocks, and the last as far as it is used.
  package let byteCount: UInt64
  private let blockByteCount: Int
  /// The index of the first entry of every block.
  private let firstEntries: [Int]

  /// The packing of entries whose names, dots included, have these lengths in this order.
  package init(nameByteCounts: [Int], blockByteCount: Int) {
    self.blockByteCount = blockByteCount
    var firstEntries: [Int] = []
    var used = blockByteCount
    for (index, nameByteCount) in nameByteCounts.enumerated() {
      let wanted = DirectoryBlock.entryByteCount + nameByteCount
      if used + wanted > blockByteCount {
        firstEntries.append(index)
        used = 0
      }
      used += wanted
    }
    self.firstEntries = firstEntries
    byteCount = UInt64(max(0, firstEntries.count - 1) * blockByteCount + used)
  }

  /// The directory's content: all of its blocks, the last without padding.
  package func encode(_ entries: [DirectoryEntry]) -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: Int(byteCount))
    for (number, first) in firstEntries.enumerated() {
      let end = number + 1 < firstEntries.count ? firstEntries[number + 1] : entries.count
      var nameOffset = (end - first) * DirectoryBlock.entryByteCount
      for entry in entries[first..<end] {
        writer.append(entry.nid)
        writer.append(UInt16(nameOffset))
        writer.append(entry.typeHint?.rawValue ?? 0)
        writer.append(UInt8(0))
        nameOffset += entry.name.bytes.count
      }
      for entry in entries[first..<end] { writer.append(entry.name.bytes) }
      if end < entries.count { writer.pad(toMultipleOf: blockByteCount) }
    }
    precondition(writer.bytes.count == Int(byteCount), "a directory unlike its plan")
    return writer.bytes
  }
}
