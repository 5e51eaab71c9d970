internal import CLinux

/// Descriptors 0, 1 and 2, which every program takes to be open.
package enum StandardDescriptors {
  /// Opens those that the parent left closed, on /dev/null and for reading only.
  ///
  /// Otherwise the next file opened would get such a number, and what is meant for the terminal
  /// would be written into it. Call it before anything is opened; writing to one fails with EBADF.
  package static func reserve() {
    while true {
      let descriptor = unsafe cullet_open("/dev/null", O_RDONLY | O_CLOEXEC, 0)
      guard descriptor >= 0, descriptor <= 2 else {
        if descriptor > 2 { _ = close(descriptor) }
        return
      }
    }
  }
}
