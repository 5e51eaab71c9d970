internal import CLinux
internal import Linux

/// A file open for reading; failures read as what no file holds.
final class OpenFile {
  private static let failed: [UInt8] = Array("a read that failed".utf8)
  private let descriptor: Int32
  let byteCount: Int

  init(_ path: String) throws(SystemError) {
    descriptor = unsafe cullet_open(path, O_RDONLY | O_CLOEXEC, 0)
    guard descriptor >= 0 else {
      throw SystemError(call: "open", errno: .current, subject: path)
    }
    byteCount = Int(lseek(descriptor, 0, SEEK_END))
  }

  deinit {
    close(descriptor)
  }

  /// Up to `count` bytes from `offset` on.
  func bytes(at offset: Int, count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let got = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe pread(
          descriptor, buffer.baseAddress.map { unsafe $0 + filled }, count - filled,
          off_t(offset + filled))
      }
      if got < 0 { return Self.failed }
      if got == 0 { break }
      filled += got
    }
    return Array(bytes.prefix(filled))
  }

  /// Page `index` as a mapping shows it, as far as the file goes.
  func mappedPage(_ index: Int) -> [UInt8] {
    let mapped = unsafe mmap(nil, 4096, PROT_READ, MAP_SHARED, descriptor, off_t(index * 4096))
    guard let start = unsafe mapped, Int(bitPattern: start) != -1 else { return Self.failed }
    defer { unsafe munmap(start, 4096) }
    let count = min(4096, byteCount - index * 4096)
    return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
  }
}
