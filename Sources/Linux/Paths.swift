internal import CLinux

/// Changes to the tree of names, by path.
package enum Paths {
  /// Makes the directory `path` and those above it that are missing, each with `mode`; says whether
  /// `path` itself is new.
  @discardableResult
  package static func createDirectory(_ path: String, mode: UInt32) throws(SystemError) -> Bool {
    do throws(SystemError) {
      _ = try retryingInterrupts("mkdir", path) { Int(unsafe mkdir(path, mode)) }
      return true
    } catch {
      switch error.errno {
      case .fileExists: return false
      case .noSuchFile:
        let parent = parent(of: path)
        guard parent != path, !parent.isEmpty else { throw error }
        try createDirectory(parent, mode: mode)
        _ = try retryingInterrupts("mkdir", path) { Int(unsafe mkdir(path, mode)) }
        return true
      default: throw error
      }
    }
  }

  /// Removes the file `path`; false when there is none.
  @discardableResult
  package static func removeFile(_ path: String) throws(SystemError) -> Bool {
    do throws(SystemError) {
      _ = try retryingInterrupts("unlink", path) { Int(unsafe unlink(path)) }
      return true
    } catch {
      if error.errno == .noSuchFile { return false }
      throw error
    }
  }

  /// Removes the directory `path`; ENOTEMPTY unless it is empty.
  package static func removeDirectory(_ path: String) throws(SystemError) {
    _ = try retryingInterrupts("rmdir", path) { Int(unsafe rmdir(path)) }
  }

  /// Writes `bytes` to the file `path`, in place of any, durably and all or nothing.
  package static func replaceFile(_ path: String, with bytes: RawSpan) throws(SystemError) {
    let temporary = "\(path).new"
    let file = try FileDescriptor(
      opening: temporary, [.writeOnly, .create, .truncate, .noFollow], mode: 0o600)
    try file.write(bytes, at: 0)
    try file.sync()
    _ = try retryingInterrupts("rename", path) { Int(unsafe rename(temporary, path)) }
    try syncDirectory(parent(of: path))
  }

  /// The working directory, absolute; the root when it has been removed.
  package static var workingDirectory: String {
    guard let path = unsafe getcwd(nil, 0) else { return "/" }
    defer { unsafe free(path) }
    return unsafe String(cString: path)
  }

  /// The file of the running program; what the kernel calls it when it cannot be told.
  package static var executable: String {
    let link = "/proc/self/exe"
    guard let resolved = unsafe realpath(link, nil) else { return link }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }

  /// Makes the root the working directory, so that no other filesystem is kept busy.
  package static func leaveWorkingDirectory() {
    _ = unsafe chdir("/")
  }

  /// Makes the entries of the directory `path` durable.
  package static func syncDirectory(_ path: String) throws(SystemError) {
    try FileDescriptor(opening: path, [.readOnly, .directory]).sync()
  }

  /// `path` without its last component: "." for a bare name, "/" at the root.
  package static func parent(of path: String) -> String {
    var bytes = Array(path.utf8)
    while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    bytes.removeSubrange((slash == 0 ? 1 : slash)...)
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// The running process.
package enum CurrentProcess {
  package static var id: Int32 { getpid() }

  /// Processors of the machine that are online.
  package static var processorCount: Int { max(1, Int(get_nprocs())) }

  /// The effective user: 0 is root.
  package static var userID: UInt32 { geteuid() }

  /// Ends with the thread that started this process, and leaves no core file behind: for a helper
  /// that may come to harm.
  package static func becomeExpendable() {
    _ = cullet_end_with_parent()
    var limit = rlimit(rlim_cur: 0, rlim_max: 0)
    _ = unsafe setrlimit(Int32(RLIMIT_CORE.rawValue), &limit)
  }

  /// Ends the process at once, with `status` for its parent.
  package static func exit(_ status: Int32) -> Never {
    CLinux.exit(status)
  }
}
