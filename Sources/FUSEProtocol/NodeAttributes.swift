internal import Bytes

/// The server's name for a file, by which the kernel refers to it in requests.
package struct NodeID: RawRepresentable, Hashable, Sendable {
  package let rawValue: UInt64

  package init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// The root directory, which the kernel never looks up.
  package static let root = NodeID(rawValue: 1)
}

/// What kind of file a node is; the raw values are the type bits of `st_mode`, shifted down by 12.
package enum NodeType: UInt8, Sendable {
  case fifo = 1
  case characterDevice = 2
  case directory = 4
  case blockDevice = 6
  case regular = 8
  case symbolicLink = 10
  case socket = 12

  /// The type in `mode`, or nil when its type bits are none that Linux knows.
  package init?(mode: UInt32) {
    self.init(rawValue: UInt8(mode >> 12 & 15))
  }
}

/// What stat(2) tells about a node.
///
/// | Offset | Size | Field   |     | Offset | Size | Field     |
/// |-------:|-----:|---------|-----|-------:|-----:|-----------|
/// |      0 |    8 | ino     |     |     52 |    4 | mtimensec |
/// |      8 |    8 | size    |     |     56 |    4 | ctimensec |
/// |     16 |    8 | blocks  |     |     60 |    4 | mode      |
/// |     24 |    8 | atime   |     |     64 |    4 | nlink     |
/// |     32 |    8 | mtime   |     |     68 |    4 | uid       |
/// |     40 |    8 | ctime   |     |     72 |    4 | gid       |
/// |     48 |    4 | atimens |     |     76 |    4 | rdev      |
/// |     80 |    4 | blksize |     |     84 |    4 | flags     |
package struct NodeAttributes: Equatable, Sendable {
  package static let byteCount = 88

  package var inodeNumber: UInt64
  package var byteCount: UInt64
  /// In units of 512 bytes.
  package var blockCount: UInt64
  /// Seconds since 1970; serves as the time of access and of change, too.
  package var modificationSeconds: Int64
  package var modificationNanoseconds: UInt32
  /// Type and permissions, as `st_mode`.
  package var mode: UInt32
  package var linkCount: UInt32
  package var userID: UInt32
  package var groupID: UInt32
  /// In the kernel's 32-bit form (``deviceNumber(major:minor:)``); zero for other than devices.
  package var deviceNumber: UInt32
  /// The size of efficient reads, as `st_blksize`; zero lets the kernel say.
  package var blockSize: UInt32

  package init(
    inodeNumber: UInt64, mode: UInt32, byteCount: UInt64 = 0, blockCount: UInt64 = 0,
    modificationSeconds: Int64 = 0, modificationNanoseconds: UInt32 = 0, linkCount: UInt32 = 1,
    userID: UInt32 = 0, groupID: UInt32 = 0, deviceNumber: UInt32 = 0, blockSize: UInt32 = 4096
  ) {
    self.inodeNumber = inodeNumber
    self.byteCount = byteCount
    self.blockCount = blockCount
    self.modificationSeconds = modificationSeconds
    self.modificationNanoseconds = modificationNanoseconds
    self.mode = mode
    self.linkCount = linkCount
    self.userID = userID
    self.groupID = groupID
    self.deviceNumber = deviceNumber
    self.blockSize = blockSize
  }

  /// The kernel's 32-bit device number: 12 bits of `major`, 20 of `minor`, the form on disk as
  /// well.
  package static func deviceNumber(major: UInt32, minor: UInt32) -> UInt32 {
    minor & 0xFF | (major & 0xFFF) << 8 | (minor & 0xFFF00) << 12
  }

  /// Writes the 88 bytes to `offset` in `target`.
  func encode(into target: inout MutableRawSpan, at offset: Int) {
    target.store(inodeNumber, atByteOffset: offset)
    target.store(byteCount, atByteOffset: offset + 8)
    target.store(blockCount, atByteOffset: offset + 16)
    target.store(modificationSeconds, atByteOffset: offset + 24)
    target.store(modificationSeconds, atByteOffset: offset + 32)
    target.store(modificationSeconds, atByteOffset: offset + 40)
    target.store(modificationNanoseconds, atByteOffset: offset + 48)
    target.store(modificationNanoseconds, atByteOffset: offset + 52)
    target.store(modificationNanoseconds, atByteOffset: offset + 56)
    target.store(mode, atByteOffset: offset + 60)
    target.store(linkCount, atByteOffset: offset + 64)
    target.store(userID, atByteOffset: offset + 68)
    target.store(groupID, atByteOffset: offset + 72)
    target.store(deviceNumber, atByteOffset: offset + 76)
    target.store(blockSize, atByteOffset: offset + 80)
    target.store(UInt32(0), atByteOffset: offset + 84)
  }
}
