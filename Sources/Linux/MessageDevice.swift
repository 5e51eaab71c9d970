internal import Bytes
internal import CLinux

/// Devices where one read or write is one message, as /dev/fuse.
///
/// The errors are bare numbers: a busy loop compares them, and nothing is allocated.
extension FileDescriptor {
  /// One read(2), EINTR included: the size of the message.
  package func readMessage(into target: inout MutableRawSpan) throws(Errno) -> Int {
    let count = unsafe target.withUnsafeMutableBytes { buffer in
      unsafe CLinux.read(rawValue, buffer.baseAddress, buffer.count)
    }
    guard count >= 0 else { throw .current }
    return count
  }

  /// One write(2) of the whole message, repeated on EINTR.
  package func writeMessage(_ message: RawSpan) throws(Errno) {
    while true {
      let count = unsafe message.withUnsafeBytes { buffer in
        unsafe CLinux.write(rawValue, buffer.baseAddress, buffer.count)
      }
      if count >= 0 { return }
      let errno = Errno.current
      if errno != .interrupted { throw errno }
    }
  }

  /// One writev(2) of the whole message, which is in two parts, repeated on EINTR.
  package func writeMessage(_ first: RawSpan, _ second: RawSpan) throws(Errno) {
    while true {
      let count = unsafe first.withUnsafeBytes { first in
        unsafe second.withUnsafeBytes { second in
          var parts: [2 of iovec] = unsafe [
            iovec(
              iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress), iov_len: first.count),
            iovec(
              iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress),
              iov_len: second.count),
          ]
          var span = unsafe parts.mutableSpan
          return unsafe span.withUnsafeMutableBufferPointer { parts in
            unsafe writev(rawValue, parts.baseAddress, 2)
          }
        }
      }
      if count >= 0 { return }
      let errno = Errno.current
      if errno != .interrupted { throw errno }
    }
  }

  /// Has the connection that this one serves read `file` itself; the number to do so by.
  package func registerBackingFile(_ file: borrowing FileDescriptor) throws(Errno) -> Int32 {
    let id = cullet_fuse_open_backing(rawValue, file.rawValue)
    guard id > 0 else { throw .current }
    return id
  }

  /// Takes the number of ``registerBackingFile(_:)`` back.
  package func unregisterBackingFile(_ id: Int32) throws(Errno) {
    guard cullet_fuse_close_backing(rawValue, UInt32(id)) == 0 else { throw .current }
  }

  /// A descriptor of its own, with its own queue, for the connection that this one serves.
  package func cloneFUSEConnection() throws(SystemError) -> FileDescriptor {
    let clone = try FileDescriptor(opening: "/dev/fuse", .readWrite)
    var source = UInt32(rawValue)
    _ = try retryingInterrupts("ioctl", "/dev/fuse") {
      Int(unsafe cullet_ioctl_u32(clone.rawValue, cullet_FUSE_DEV_IOC_CLONE, &source))
    }
    return clone
  }
}
