internal import CLinux

/// mount(2), umount2(2) and what goes with them.
package enum MountCalls {
  /// Attributes of a mount; names follow mount(2).
  package struct Flags: OptionSet, Sendable {
    package let rawValue: UInt
    package init(rawValue: UInt) { self.rawValue = rawValue }

    package static let readOnly = Flags(rawValue: UInt(MS_RDONLY))
    package static let noSetUserID = Flags(rawValue: UInt(MS_NOSUID))
    /// Device nodes stay visible but cannot be opened.
    package static let noDevices = Flags(rawValue: UInt(MS_NODEV))
  }

  /// Mounts a filesystem on `directory`; needs CAP_SYS_ADMIN.
  package static func mount(
    source: String, on directory: String, type: String, flags: Flags, options: String
  ) throws(SystemError) {
    _ = try retryingInterrupts("mount", directory) {
      Int(unsafe CLinux.mount(source, directory, type, flags.rawValue, options))
    }
  }

  /// Unmounts what is on `directory`, a symbolic link not followed; needs CAP_SYS_ADMIN.
  ///
  /// `lazily` takes it out of sight at once and ends it when its last file is closed.
  package static func unmount(_ directory: String, lazily: Bool) throws(SystemError) {
    let flags = Int32(UMOUNT_NOFOLLOW) | (lazily ? Int32(MNT_DETACH) : 0)
    _ = try retryingInterrupts("umount2", directory) {
      Int(unsafe umount2(directory, flags))
    }
  }

  /// Whether `path` lies on a FUSE filesystem, which some process serves; false when it cannot be told.
  package static func isOnFUSE(_ path: String) -> Bool {
    unsafe cullet_is_on_fuse(path) != 0
  }

  /// Asks the filesystem at `path` for its statistics and drops them: fails when nobody serves it.
  package static func probe(_ path: String) throws(SystemError) {
    var statistics = statvfs()
    _ = try retryingInterrupts("statvfs", path) { Int(unsafe statvfs(path, &statistics)) }
  }

  /// `path` made absolute, without symbolic links or dots.
  package static func canonicalPath(_ path: String) throws(SystemError) -> String {
    guard let resolved = unsafe realpath(path, nil) else {
      throw SystemError(call: "realpath", errno: .current, subject: path)
    }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }

  /// The effective user of the process.
  package static var userID: UInt32 { geteuid() }
  /// The effective group of the process.
  package static var groupID: UInt32 { getegid() }
}
