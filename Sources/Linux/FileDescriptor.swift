internal import Bytes
internal import CLinux

/// An open file description, closed when its owner goes.
///
/// Every descriptor in Cullet is close-on-exec. The positioned calls are safe from any thread.
package struct FileDescriptor: ~Copyable, Sendable {
  package let rawValue: Int32

  /// Takes ownership of `rawValue`, which must be open and owned by nobody else.
  package init(adopting rawValue: Int32) {
    self.rawValue = rawValue
  }

  deinit {
    _ = close(rawValue)
  }

  /// Gives the descriptor up without closing it.
  package consuming func release() -> Int32 {
    let rawValue = self.rawValue
    discard self
    return rawValue
  }

  /// Takes ownership of a descriptor that the process was started with; EBADF when it was not.
  package static func inherited(_ rawValue: Int32) throws(SystemError) -> FileDescriptor {
    _ = try retryingInterrupts("fcntl") { Int(cullet_fcntl_int(rawValue, F_SETFD, FD_CLOEXEC)) }
    return FileDescriptor(adopting: rawValue)
  }

  /// A second descriptor for the same open file description.
  package func duplicate() throws(SystemError) -> FileDescriptor {
    let copy = try retryingInterrupts("fcntl") {
      Int(cullet_fcntl_int(rawValue, F_DUPFD_CLOEXEC, 3))
    }
    return FileDescriptor(adopting: Int32(copy))
  }
}

extension FileDescriptor {
  /// How ``init(opening:_:mode:)`` opens; names follow the constants of open(2).
  package struct OpenFlags: OptionSet, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }

    package static let readOnly = OpenFlags(rawValue: O_RDONLY)
    package static let writeOnly = OpenFlags(rawValue: O_WRONLY)
    package static let readWrite = OpenFlags(rawValue: O_RDWR)
    package static let create = OpenFlags(rawValue: O_CREAT)
    package static let exclusive = OpenFlags(rawValue: O_EXCL)
    package static let truncate = OpenFlags(rawValue: O_TRUNC)
    package static let append = OpenFlags(rawValue: O_APPEND)
    package static let directory = OpenFlags(rawValue: O_DIRECTORY)
    package static let noFollow = OpenFlags(rawValue: O_NOFOLLOW)
    package static let nonBlocking = OpenFlags(rawValue: O_NONBLOCK)
    /// Past the page cache: memory, offsets and counts must be multiples of the device's block.
    package static let direct = OpenFlags(rawValue: O_DIRECT)
    package static let pathOnly = OpenFlags(rawValue: O_PATH)
  }

  /// Opens `path`; a file made by `.create` gets `mode` less the umask.
  package init(
    opening path: String, _ flags: OpenFlags, mode: UInt32 = 0o600
  ) throws(SystemError) {
    let opened = try retryingInterrupts("open", path) {
      Int(unsafe cullet_open(path, flags.rawValue | O_CLOEXEC, mode))
    }
    rawValue = Int32(opened)
  }
}

extension FileDescriptor {
  /// Fills `target` from `offset`; returns the bytes read, fewer only at the end of the file.
  package func read(
    into target: inout MutableRawSpan, at offset: UInt64
  ) throws(SystemError) -> Int {
    var filled = 0
    while filled < target.byteCount {
      let start = filled
      let count = try retryingInterrupts("pread") {
        unsafe target.withUnsafeMutableBytes { buffer in
          unsafe pread(
            rawValue, buffer.baseAddress.map { unsafe $0 + start }, buffer.count - start,
            Int(offset) + start)
        }
      }
      if count == 0 { break }
      filled += count
    }
    return filled
  }

  /// Up to `byteCount` bytes from `offset`, fewer only at the end of the file.
  package func read(byteCount: Int, at offset: UInt64) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: byteCount)
    var span = bytes.mutableRawSpan
    let filled = try read(into: &span, at: offset)
    bytes.removeLast(byteCount - filled)
    return bytes
  }

  /// Writes all of `source` at `offset`.
  package func write(_ source: RawSpan, at offset: UInt64) throws(SystemError) {
    var written = 0
    while written < source.byteCount {
      let start = written
      written += try retryingInterrupts("pwrite") {
        unsafe source.withUnsafeBytes { buffer in
          unsafe pwrite(
            rawValue, buffer.baseAddress.map { unsafe $0 + start }, buffer.count - start,
            Int(offset) + start)
        }
      }
    }
  }
}

extension FileDescriptor {
  /// One read(2): the bytes read, 0 at the end of the stream.
  ///
  /// EAGAIN of a non-blocking descriptor is thrown.
  package func read(into target: inout MutableRawSpan) throws(SystemError) -> Int {
    try retryingInterrupts("read") {
      unsafe target.withUnsafeMutableBytes { buffer in
        unsafe systemRead(rawValue, buffer.baseAddress, buffer.count)
      }
    }
  }

  /// The next `byteCount` bytes of a stream, fewer only at its end.
  package func read(byteCount: Int) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: byteCount)
    var filled = 0
    while filled < byteCount {
      var span = bytes.mutableRawSpan
      var rest = span[bytes: filled..<byteCount]
      let count = try read(into: &rest)
      if count == 0 { break }
      filled += count
    }
    bytes.removeLast(byteCount - filled)
    return bytes
  }

  /// Writes all of `source` to a stream, in as many calls as it takes.
  package func write(_ source: RawSpan) throws(SystemError) {
    try Self.write(source, to: rawValue)
  }

  /// Whether the stream `descriptor` ends at a terminal.
  package static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  /// Writes all of `source` to the stream `descriptor`, which stays the caller's: 1 for stdout.
  package static func write(_ source: RawSpan, to descriptor: Int32) throws(SystemError) {
    var written = 0
    while written < source.byteCount {
      let start = written
      written += try retryingInterrupts("write") {
        unsafe source.withUnsafeBytes { buffer in
          unsafe systemWrite(
            descriptor, buffer.baseAddress.map { unsafe $0 + start }, buffer.count - start)
        }
      }
    }
  }
}

// The members above hide the C functions of the same name.
private let systemRead = unsafe CLinux.read
private let systemWrite = unsafe CLinux.write

extension FileDescriptor {
  /// Makes written data, and the size needed to read it back, durable.
  ///
  /// Never retry a failure: the kernel has dropped the pages' dirty marks (Rebello et al., ATC
  /// '20).
  package func syncData() throws(SystemError) {
    _ = try retryingInterrupts("fdatasync") { Int(fdatasync(rawValue)) }
  }

  /// Makes data and all metadata durable; on a directory, its entries.
  package func sync() throws(SystemError) {
    _ = try retryingInterrupts("fsync") { Int(fsync(rawValue)) }
  }
}

extension FileDescriptor {
  /// Takes a lock of flock(2), which directories have as well; false when another open file
  /// description holds it.
  package func tryLockWholly() throws(SystemError) -> Bool {
    do throws(SystemError) {
      _ = try retryingInterrupts("flock") { Int(flock(rawValue, LOCK_EX | LOCK_NB)) }
      return true
    } catch {
      if error.errno == .tryAgain { return false }
      throw error
    }
  }

  /// Takes a write lock on the whole file, held by this open file description until it is closed;
  /// false when another description holds one.
  package func tryLockExclusively() throws(SystemError) -> Bool {
    var request = flock()
    request.l_type = Int16(F_WRLCK)
    request.l_whence = Int16(SEEK_SET)
    do throws(SystemError) {
      _ = try retryingInterrupts("fcntl") { Int(unsafe cullet_ofd_setlk(rawValue, &request)) }
      return true
    } catch {
      if error.errno == .tryAgain || error.errno == .accessDenied { return false }
      throw error
    }
  }
}
