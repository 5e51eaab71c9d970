package import Bytes
internal import CLinux

/// What can be told of a file by its path, as bytes; symbolic links are never followed.
///
/// A path that is to follow one ends in a slash.
package struct PathInspection: Sendable {
  /// Linux lists no more than this of one file, and no value is longer.
  private static let attributeByteCountLimit = 1 << 16

  private let path: [CChar]
  private let text: String

  package init(_ path: [UInt8]) {
    self.path = path.map { CChar(bitPattern: $0) } + [0]
    text = FileName(path).text
  }

  package func status() throws(SystemError) -> FileStatus {
    var status = stat()
    _ = try retryingInterrupts("lstat", text) { Int(unsafe lstat(path, &status)) }
    return FileStatus(status)
  }

  /// Opens the file for reading.
  package func open() throws(SystemError) -> FileDescriptor {
    let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
    return FileDescriptor(
      adopting: Int32(
        try retryingInterrupts("open", text) { Int(unsafe cullet_open(path, flags, 0)) }))
  }

  /// Where a symbolic link points.
  package func linkTarget() throws(SystemError) -> [UInt8] {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = try retryingInterrupts("readlink", text) {
      unsafe readlink(path, &buffer, buffer.count)
    }
    return buffer[..<count].map { UInt8(bitPattern: $0) }
  }

  /// The names in a directory but the dots, sorted by byte.
  package func names() throws(SystemError) -> [FileName] {
    guard let stream = unsafe opendir(path) else {
      throw SystemError(call: "opendir", errno: .current, subject: text)
    }
    defer { unsafe closedir(stream) }
    var names: [FileName] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe Array(bytes.prefix { $0 != 0 })
      }
      if name != [0x2E] && name != [0x2E, 0x2E] { names.append(FileName(name)) }
    }
    return names.sorted()
  }

  /// The extended attributes, sorted by name; none where the filesystem has no such thing.
  package func extendedAttributes() throws(SystemError) -> [(name: [UInt8], value: [UInt8])] {
    // Nearly no file has any, and asking for the size alone needs no buffer.
    var list: [CChar] = []
    guard try listAttributes(into: &list) > 0 else { return [] }
    list = [CChar](repeating: 0, count: Self.attributeByteCountLimit)
    let count = try listAttributes(into: &list)
    var attributes: [(name: [UInt8], value: [UInt8])] = []
    for name in list[..<count].split(separator: 0) {
      var value = [UInt8](repeating: 0, count: Self.attributeByteCountLimit)
      let length = try retryingInterrupts("lgetxattr", text) {
        unsafe lgetxattr(path, Array(name) + [0], &value, value.count)
      }
      attributes.append((name.map { UInt8(bitPattern: $0) }, Array(value[..<length])))
    }
    return attributes.sorted { $0.name.lexicographicallyPrecedes($1.name) }
  }

  private func listAttributes(into list: inout [CChar]) throws(SystemError) -> Int {
    do throws(SystemError) {
      return try retryingInterrupts("llistxattr", text) {
        unsafe llistxattr(path, &list, list.count)
      }
    } catch {
      if error.errno == .notSupported { return 0 }
      throw error
    }
  }
}
