internal import CLinux

/// What stat(2) tells about a file.
package struct FileStatus: Hashable, Sendable {
  /// All of st_mode: the kind of file and its permissions.
  package let mode: UInt32
  package let device: UInt64
  package let inode: UInt64
  package let byteCount: UInt64
  /// What the file takes on disk.
  package let allocatedByteCount: UInt64
  /// Nanoseconds since 1970-01-01 UTC, as far as 64 bits reach: to the year 2262.
  package let modifiedAt: Int64
  /// The same time in seconds, and what comes on top of them.
  package let modificationSeconds: Int64
  package let modificationNanoseconds: UInt32
  package let userID: UInt32
  package let groupID: UInt32
  package let linkCount: UInt64
  /// The device that a device node stands for.
  package let deviceMajor: UInt32
  package let deviceMinor: UInt32

  package var isRegular: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFREG) }
  package var isBlockDevice: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFBLK) }
  package var isDirectory: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFDIR) }

  init(_ status: stat) {
    userID = status.st_uid
    groupID = status.st_gid
    linkCount = UInt64(status.st_nlink)
    deviceMajor = UInt32(cullet_major(status.st_rdev))
    deviceMinor = UInt32(cullet_minor(status.st_rdev))
    mode = status.st_mode
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    byteCount = UInt64(max(0, status.st_size))
    allocatedByteCount = UInt64(max(0, status.st_blocks)) * 512
    modificationSeconds = Int64(status.st_mtim.tv_sec)
    modificationNanoseconds = UInt32(status.st_mtim.tv_nsec)
    modifiedAt = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
  }
}

extension FileDescriptor {
  /// The status of the open file.
  package func status() throws(SystemError) -> FileStatus {
    var status = stat()
    _ = try retryingInterrupts("fstat") { Int(unsafe fstat(rawValue, &status)) }
    return FileStatus(status)
  }

  /// How many bytes a regular file or block device has to read; EINVAL for anything else.
  package func readableByteCount() throws(SystemError) -> UInt64 {
    let status = try self.status()
    if status.isRegular { return status.byteCount }
    guard status.isBlockDevice else {
      throw SystemError(
        call: "read", errno: status.isDirectory ? .isDirectory : .invalidArgument)
    }
    return UInt64(try retryingInterrupts("lseek") { lseek(rawValue, 0, SEEK_END) })
  }
}
