package import Bytes
internal import CLinux

/// The space that a file takes.
extension FileDescriptor {
  package func truncate(toByteCount byteCount: UInt64) throws(SystemError) {
    _ = try retryingInterrupts("ftruncate") { Int(ftruncate(rawValue, Int(byteCount))) }
  }

  /// Reserves the range so that writing it cannot run out of space, and grows the file to hold it.
  package func allocate(_ range: ByteRange) throws(SystemError) {
    _ = try retryingInterrupts("fallocate") {
      Int(fallocate(rawValue, 0, Int(range.offset), Int(range.byteCount)))
    }
  }

  /// Reserves the first `byteCount` bytes as ``allocate(_:)`` does, where the filesystem can.
  ///
  /// Where it cannot, a full disk shows as a failed write, as on any other day.
  package func reserve(byteCount: UInt64) throws(SystemError) {
    guard let range = ByteRange(offset: 0, byteCount: byteCount) else { return }
    do throws(SystemError) {
      try allocate(range)
    } catch {
      if error.errno != .notSupported { throw error }
    }
  }

  /// Bytes that the file's filesystem still has for its user.
  package func availableByteCount() throws(SystemError) -> UInt64 {
    var status = statvfs()
    _ = try retryingInterrupts("fstatvfs") { Int(unsafe fstatvfs(rawValue, &status)) }
    return UInt64(status.f_bavail) * UInt64(status.f_frsize)
  }

  /// Tells a block device that nobody wants the range, in whole sectors; what it reads as from then
  /// on is unspecified.
  ///
  /// EOPNOTSUPP when the device cannot make use of that.
  package func discard(_ range: ByteRange) throws(SystemError) {
    _ = try retryingInterrupts("ioctl") {
      Int(cullet_discard(rawValue, range.offset, range.byteCount))
    }
  }
}
