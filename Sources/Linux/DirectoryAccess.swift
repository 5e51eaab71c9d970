package import Bytes
internal import CLinux

extension FileDescriptor {
  /// Opens `path` for reading, as found within `directory` and never outside it.
  ///
  /// The kernel refuses (EXDEV) absolute paths, `..` above the directory, and symbolic links that
  /// lead out of it, even when somebody renames things meanwhile.
  package init(
    openingBeneath directory: borrowing FileDescriptor, _ path: FileName,
    _ flags: OpenFlags = .readOnly
  ) throws(SystemError) {
    let text = path.bytes.map(CChar.init(bitPattern:)) + [0]
    let directory = directory.rawValue
    let opened = try retryingInterrupts("openat2", path.text) {
      unsafe text.withUnsafeBufferPointer { buffer in
        guard let start = buffer.baseAddress else { return -1 }
        return Int(unsafe cullet_openat_beneath(directory, start, flags.rawValue | O_CLOEXEC))
      }
    }
    self.init(adopting: Int32(opened))
  }

  /// The names in the open directory but `.` and `..`, sorted by byte, at most `limit` of them.
  package func entryNames(limit: Int) throws(SystemError) -> [FileName] {
    // closedir closes what it was opened on, and a duplicate would share the position.
    let copy = try FileDescriptor(openingBeneath: self, FileName("."), .directory)
    let raw = copy.release()
    guard let stream = unsafe fdopendir(raw) else {
      let errno = Errno.current
      _ = close(raw)
      throw SystemError(call: "fdopendir", errno: errno)
    }
    defer { unsafe closedir(stream) }
    var names: [FileName] = []
    while names.count < limit, let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: UInt8.self, capacity: 256) { bytes in
          let length = (0..<256).first { unsafe bytes[$0] == 0 } ?? 256
          return unsafe Array(UnsafeBufferPointer(start: bytes, count: length))
        }
      }
      if name != [0x2E] && name != [0x2E, 0x2E] { names.append(FileName(name)) }
    }
    return names.sorted()
  }
}
