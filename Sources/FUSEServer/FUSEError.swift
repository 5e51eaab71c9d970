package import Linux

/// Why mounting, unmounting or serving failed.
package struct FUSEError: Error, Equatable, Sendable, CustomStringConvertible {
  package enum Code: Equatable, Sendable {
    /// The directory to mount on does not exist.
    case mountPointMissing
    case mountPointNotDirectory
    /// Something is mounted on the directory already.
    case mountPointTaken
    /// Nothing is mounted on the path.
    case notMounted
    /// What is mounted on the path is not Cullet's.
    case foreignMount
    /// Files of the mount are open, or a process is inside.
    case mountInUse
    case permissionDenied
    /// /dev/fuse is missing: no FUSE in this kernel or container.
    case deviceMissing
    /// Neither fusermount3 nor fusermount is installed.
    case helperMissing
    /// fusermount3 refused; the detail is what it said.
    case helperFailed
    /// The kernel speaks a protocol before 7.31, or did not begin with INIT.
    case unsupportedKernel
    /// No EROFS in this kernel.
    case kernelLacksEROFS
    /// The kernel's EROFS reads block devices only.
    case kernelLacksFileMounts
    /// The kernel's EROFS will not have the image; the detail is what it said, if anything.
    case imageRefused
    case system(Errno)
  }

  package let code: Code
  /// The directory concerned; empty when there is none.
  package let path: String
  package let detail: String

  package init(_ code: Code, path: String = "", detail: String = "") {
    self.code = code
    self.path = path
    self.detail = detail
  }

  /// The meaning of a failed call made for `path`.
  init(_ error: SystemError, path: String) {
    let code: Code =
      switch error.errno {
      case .notPermitted, .accessDenied: .permissionDenied
      default: .system(error.errno)
      }
    self.init(code, path: path, detail: "\(error)")
  }

  package var description: String {
    let sentence =
      switch code {
      case .mountPointMissing: "the mount point does not exist"
      case .mountPointNotDirectory: "the mount point is not a directory"
      case .mountPointTaken: "something is mounted there already"
      case .notMounted: "nothing is mounted there"
      case .foreignMount: "what is mounted there is not Cullet's"
      case .mountInUse: "the mount is in use"
      case .permissionDenied: "permission denied"
      case .deviceMissing: "/dev/fuse is missing: FUSE is not available here"
      case .helperMissing: "mounting without root needs fusermount3 (package fuse3)"
      case .helperFailed: "fusermount3 failed"
      case .unsupportedKernel: "the kernel's FUSE protocol is older than 7.31 (Linux 5.4)"
      case .kernelLacksEROFS: "this kernel has no EROFS; use --driver fuse"
      case .kernelLacksFileMounts:
        "this kernel's EROFS cannot mount files (Linux 6.12); use --driver fuse"
      case .imageRefused:
        "the kernel's EROFS refuses the image, which may have features that it lacks; use --driver fuse"
      case .system(let errno): "\(errno)"
      }
    let subject = path.isEmpty ? sentence : "\(path): \(sentence)"
    return detail.isEmpty ? subject : "\(subject) (\(detail))"
  }
}

extension FUSEError {
  /// Runs `body`, a failure of which concerns `path`.
  static func naming<Result: ~Copyable>(
    _ path: String, _ body: () throws(SystemError) -> Result
  ) throws(FUSEError) -> Result {
    do throws(SystemError) {
      return try body()
    } catch {
      throw FUSEError(error, path: path)
    }
  }
}
