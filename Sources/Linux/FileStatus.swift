internal import CLinux

/// What fstat(2) says about an open file.
package struct FileStatus: Hashable, Sendable {
  package let byteCount: UInt64
  package let isRegularFile: Bool
  package let isDirectory: Bool
  /// Bytes of storage that the file takes; fewer than ``byteCount`` when it has holes.
  package let allocatedByteCount: UInt64
}

extension FileDescriptor {
  /// The status of the open file.
  package func status() throws(SystemError) -> FileStatus {
    var status = stat()
    _ = try retryingInterrupts("fstat") { Int(unsafe fstat(rawValue, &status)) }
    return FileStatus(
      byteCount: UInt64(clamping: status.st_size),
      isRegularFile: status.st_mode & UInt32(S_IFMT) == UInt32(S_IFREG),
      isDirectory: status.st_mode & UInt32(S_IFMT) == UInt32(S_IFDIR),
      allocatedByteCount: UInt64(clamping: status.st_blocks) * 512)
  }
}
