internal import CLinux

/// A kernel error number: what system calls return and FUSE replies carry.
package struct Errno: RawRepresentable, Error, Hashable, Sendable, CustomStringConvertible {
  package let rawValue: Int32

  package init(rawValue: Int32) {
    self.rawValue = rawValue
  }

  /// The calling thread's `errno`; read it on the line after the failed call.
  package static var current: Errno { Errno(rawValue: cullet_errno()) }

  package static let notPermitted = Errno(rawValue: EPERM)
  package static let noSuchFile = Errno(rawValue: ENOENT)
  package static let interrupted = Errno(rawValue: EINTR)
  package static let ioError = Errno(rawValue: EIO)
  package static let noSuchDevice = Errno(rawValue: ENODEV)
  package static let noDeviceAddress = Errno(rawValue: ENXIO)
  package static let tryAgain = Errno(rawValue: EAGAIN)
  package static let outOfMemory = Errno(rawValue: ENOMEM)
  package static let accessDenied = Errno(rawValue: EACCES)
  package static let blockDeviceNeeded = Errno(rawValue: ENOTBLK)
  package static let busy = Errno(rawValue: EBUSY)
  package static let fileExists = Errno(rawValue: EEXIST)
  package static let notDirectory = Errno(rawValue: ENOTDIR)
  package static let isDirectory = Errno(rawValue: EISDIR)
  package static let invalidArgument = Errno(rawValue: EINVAL)
  package static let fileTooLarge = Errno(rawValue: EFBIG)
  package static let noSpace = Errno(rawValue: ENOSPC)
  package static let quotaExceeded = Errno(rawValue: EDQUOT)
  package static let readOnlyFilesystem = Errno(rawValue: EROFS)
  package static let brokenPipe = Errno(rawValue: EPIPE)
  package static let outOfRange = Errno(rawValue: ERANGE)
  package static let nameTooLong = Errno(rawValue: ENAMETOOLONG)
  package static let notImplemented = Errno(rawValue: ENOSYS)
  package static let noData = Errno(rawValue: ENODATA)
  package static let notSupported = Errno(rawValue: EOPNOTSUPP)
  package static let notConnected = Errno(rawValue: ENOTCONN)
  package static let connectionAborted = Errno(rawValue: ECONNABORTED)
  package static let protocolError = Errno(rawValue: EPROTO)
  package static let needsCleaning = Errno(rawValue: EUCLEAN)
  package static let stale = Errno(rawValue: ESTALE)
  package static let tooManyLinks = Errno(rawValue: ELOOP)
  package static let notEmpty = Errno(rawValue: ENOTEMPTY)

  /// The C library's sentence for the number ("No such file or directory").
  package var description: String {
    var buffer = [CChar](repeating: 0, count: 128)
    guard let text = unsafe strerror_r(rawValue, &buffer, buffer.count) else {
      return "error \(rawValue)"
    }
    return unsafe String(cString: text)
  }
}
