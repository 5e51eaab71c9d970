internal import CLinux

extension DirectoryHandle {
  /// A file in an open directory, by name; symbolic links are not followed.
  package struct Entry {
    let directory: Int32
    let name: [UInt8]

    init(directory: Int32, name: [UInt8]) {
      self.directory = directory
      self.name = name
    }
  }
}

extension DirectoryHandle.Entry {
  package func setOwner(userID: UInt32, groupID: UInt32) throws(SystemError) {
    let text = terminated(name)
    _ = try retryingInterrupts("fchownat") {
      Int(unsafe fchownat(directory, text, userID, groupID, AT_SYMLINK_NOFOLLOW))
    }
  }

  /// Sets the permission bits of `mode`; not for symbolic links, which have none.
  package func setPermissions(to mode: UInt32) throws(SystemError) {
    let text = terminated(name)
    _ = try retryingInterrupts("fchmodat") {
      Int(unsafe fchmodat(directory, text, mode & 0o7777, 0))
    }
  }

  /// Sets the modification time and leaves the access time alone.
  package func setModificationTime(
    seconds: Int64, nanoseconds: UInt32
  ) throws(SystemError) {
    let text = terminated(name)
    let times = [
      timespec(tv_sec: 0, tv_nsec: cullet_UTIME_OMIT),
      timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds)),
    ]
    _ = try retryingInterrupts("utimensat") {
      Int(unsafe utimensat(directory, text, times, AT_SYMLINK_NOFOLLOW))
    }
  }

  package func setExtendedAttribute(
    _ attribute: [UInt8], to value: [UInt8]
  ) throws(SystemError) {
    let path = attributePath
    let attributeText = terminated(attribute)
    _ = try retryingInterrupts("lsetxattr") {
      Int(unsafe lsetxattr(path, attributeText, value, value.count, 0))
    }
  }

  /// A path for calls on extended attributes, which take nothing else before Linux 6.13; its last
  /// component is not followed.
  var attributePath: [CChar] { terminated([UInt8]("/proc/self/fd/\(directory)/".utf8) + name) }

  func terminated(_ bytes: [UInt8]) -> [CChar] {
    bytes.map { CChar(bitPattern: $0) } + [0]
  }
}
