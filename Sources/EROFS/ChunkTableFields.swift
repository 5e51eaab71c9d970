package import Bytes

/// The table of one chunked file as a builder stores it; ``ChunkTable`` has the format.
package struct ChunkTableFields: Hashable, Sendable {
  /// Chunks have 2 to the power of this many bytes.
  package let chunkBits: UInt8
  /// Records name a device; images with a device table need that.
  package let hasDevices: Bool
  package let fileByteCount: UInt64

  package init(chunkBits: UInt8, hasDevices: Bool, fileByteCount: UInt64) {
    self.chunkBits = chunkBits
    self.hasDevices = hasDevices
    self.fileByteCount = fileByteCount
  }

  package var recordByteCount: Int { hasDevices ? 8 : 4 }

  package var chunkCount: UInt64 { fileByteCount.dividedRoundingUp(by: 1 << UInt64(chunkBits)) }

  /// The bytes from `offset`, where the inode and its attributes end, to the end of the table.
  package func byteCount(behind offset: UInt64) -> Int {
    let start = offset.roundedUp(toMultipleOf: UInt64(recordByteCount))
    return Int(start - offset) + Int(chunkCount) * recordByteCount
  }

  /// What the inode says of the table.
  package func format(blockSizeBits: UInt8) -> UInt32 {
    UInt32(chunkBits - blockSizeBits) | (hasDevices ? 0x20 : 0)
  }

  /// Appends the padding that precedes the first record; the writer stands at `offset`.
  package func encodePadding(into writer: inout ByteWriter, at offset: UInt64) {
    for _ in offset..<offset.roundedUp(toMultipleOf: UInt64(recordByteCount)) {
      writer.append(UInt8(0))
    }
  }

  /// Appends the record of a chunk.
  package func encode(_ chunk: ChunkAddress, into writer: inout ByteWriter) {
    switch chunk {
    case .hole:
      if hasDevices { writer.append(UInt32(0)) }
      writer.append(UInt32.max)
    case .block(let block, let device):
      if hasDevices {
        writer.append(UInt16(0))
        writer.append(UInt16(device))
      }
      writer.append(UInt32(block))
    }
  }
}

extension DeviceSlot {
  /// A slot for a device of `blockCount` blocks that starts at `unifiedBlock`.
  package init(tag: [UInt8], blockCount: UInt64, unifiedBlock: UInt64) {
    self.tag = tag
    self.blockCount = blockCount
    self.unifiedBlock = unifiedBlock
  }

  /// Appends the slot's 128 bytes; addresses have 32 bits here, and the tag up to 64 bytes.
  package func encode(into writer: inout ByteWriter) {
    let start = writer.bytes.count
    writer.append(tag + [UInt8](repeating: 0, count: 64 - tag.count))
    writer.append(UInt32(blockCount))
    writer.append(UInt32(unifiedBlock))
    writer.append([UInt8](repeating: 0, count: Self.byteCount - (writer.bytes.count - start)))
  }
}
