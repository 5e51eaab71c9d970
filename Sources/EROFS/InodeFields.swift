package import Bytes

/// What a builder puts into an inode; ``Inode`` has the table of its fields.
package struct InodeFields: Hashable, Sendable {
  package var isExtended: Bool
  package var dataLayout: DataLayout
  package var mode: UInt16
  package var userID: UInt32
  package var groupID: UInt32
  package var linkCount: UInt32
  package var byteCount: UInt64
  package var modificationTime: Timestamp
  package var serialNumber: UInt32
  /// The size of the extended attributes behind the inode; 0, or 12 and more.
  package var attributeByteCount: Int
  /// Block address, block count, device number or chunk format, as type and layout have it.
  package var union: UInt32 = 0

  package init(
    isExtended: Bool, dataLayout: DataLayout, mode: UInt16, userID: UInt32, groupID: UInt32,
    linkCount: UInt32, byteCount: UInt64, modificationTime: Timestamp, serialNumber: UInt32,
    attributeByteCount: Int
  ) {
    self.isExtended = isExtended
    self.dataLayout = dataLayout
    self.mode = mode
    self.userID = userID
    self.groupID = groupID
    self.linkCount = linkCount
    self.byteCount = byteCount
    self.modificationTime = modificationTime
    self.serialNumber = serialNumber
    self.attributeByteCount = attributeByteCount
  }

  /// Whether a compact inode can say all this in an image whose compact inodes are of `epoch`.
  ///
  /// Linux before 6.15 shows the epoch as every compact inode's time, so no other time will do.
  package static func fitsCompact(
    userID: UInt32, groupID: UInt32, linkCount: UInt32, byteCount: UInt64,
    modificationTime: Timestamp, epoch: Timestamp
  ) -> Bool {
    userID <= UInt32(UInt16.max) && groupID <= UInt32(UInt16.max)
      && linkCount <= UInt32(UInt16.max) && byteCount <= UInt64(UInt32.max)
      && modificationTime == epoch
  }

  /// Appends the inode's 32 or 64 bytes.
  package func encode(into writer: inout ByteWriter) {
    let attributeCode = attributeByteCount == 0 ? 0 : (attributeByteCount - 12) / 4 + 1
    writer.append(UInt16(dataLayout.rawValue) << 1 | (isExtended ? 1 : 0))
    writer.append(UInt16(attributeCode))
    writer.append(mode)
    if isExtended {
      writer.append(UInt16(0))
      writer.append(byteCount)
      writer.append(union)
      writer.append(serialNumber)
      writer.append(userID)
      writer.append(groupID)
      writer.append(modificationTime.seconds)
      writer.append(modificationTime.nanoseconds)
      writer.append(linkCount)
      writer.append(UInt64(0))
      writer.append(UInt64(0))
    } else {
      writer.append(UInt16(linkCount))
      writer.append(UInt32(byteCount))
      writer.append(UInt32(0))
      writer.append(union)
      writer.append(serialNumber)
      writer.append(UInt16(userID))
      writer.append(UInt16(groupID))
      writer.append(UInt32(0))
    }
  }
}

extension DeviceNumber {
  /// The 32-bit form that Linux uses on disk; major numbers have 12 bits and minor ones 20.
  package var encoded: UInt32 {
    minor & 0xFF | (major & 0xFFF) << 8 | (minor & 0xFFF00) << 12
  }
}
