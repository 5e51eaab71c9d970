internal import CLinux

/// What can be told of a file in an open directory.
extension DirectoryHandle.Entry {
  /// Linux lists no more than this of one file, and no value is longer.
  private static let attributeByteCountLimit = 1 << 16

  package func status() throws(SystemError) -> FileStatus {
    let text = terminated(name)
    var status = stat()
    _ = try retryingInterrupts("fstatat") {
      Int(unsafe fstatat(directory, text, &status, AT_SYMLINK_NOFOLLOW))
    }
    return FileStatus(status)
  }

  /// Where a symbolic link points.
  package func linkTarget() throws(SystemError) -> [UInt8] {
    let text = terminated(name)
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = try retryingInterrupts("readlinkat") {
      unsafe readlinkat(directory, text, &buffer, buffer.count)
    }
    return buffer[..<count].map { UInt8(bitPattern: $0) }
  }

  /// The extended attributes, sorted by name; none where the filesystem has no such thing.
  package func extendedAttributes() throws(SystemError) -> [(name: [UInt8], value: [UInt8])] {
    let path = attributePath
    // Nearly no file has any, and asking for the size alone needs no buffer.
    var list: [CChar] = []
    guard try listAttributes(path, into: &list) > 0 else { return [] }
    list = [CChar](repeating: 0, count: Self.attributeByteCountLimit)
    let count = try listAttributes(path, into: &list)
    var attributes: [(name: [UInt8], value: [UInt8])] = []
    for name in list[..<count].split(separator: 0) {
      var value = [UInt8](repeating: 0, count: Self.attributeByteCountLimit)
      let length = try retryingInterrupts("lgetxattr") {
        unsafe lgetxattr(path, Array(name) + [0], &value, value.count)
      }
      attributes.append((name.map { UInt8(bitPattern: $0) }, Array(value[..<length])))
    }
    return attributes.sorted { $0.name.lexicographicallyPrecedes($1.name) }
  }

  private func listAttributes(
    _ path: [CChar], into list: inout [CChar]
  ) throws(SystemError) -> Int {
    do throws(SystemError) {
      return try retryingInterrupts("llistxattr") { unsafe llistxattr(path, &list, list.count) }
    } catch {
      if error.errno == .notSupported { return 0 }
      throw error
    }
  }
}
