import Bytes
import CLinux
import Codecs

/// What the kernel shows of a tree of files: path relative to its root, in bytes → entry.
///
/// The same snapshot of two trees that should be equal is compared entry by entry.
package struct TreeSnapshot: Sendable {
  package struct Entry: Hashable, Sendable, CustomStringConvertible {
    package var mode: UInt32
    package var userID: UInt32
    package var groupID: UInt32
    package var linkCount: UInt64
    /// Zero for directories, whose size is a matter of the filesystem.
    package var byteCount: UInt64
    package var modificationTime: Int64
    package var target: [UInt8]?
    package var device: [UInt32]?
    package var sha256: String?
    package var attributes: [[UInt8]: [UInt8]]

    package init(
      mode: UInt32, userID: UInt32, groupID: UInt32, linkCount: UInt64, byteCount: UInt64,
      modificationTime: Int64, target: [UInt8]? = nil, device: [UInt32]? = nil,
      sha256: String? = nil, attributes: [[UInt8]: [UInt8]]
    ) {
      self.mode = mode
      self.userID = userID
      self.groupID = groupID
      self.linkCount = linkCount
      self.byteCount = byteCount
      self.modificationTime = modificationTime
      self.target = target
      self.device = device
      self.sha256 = sha256
      self.attributes = attributes
    }

    package var description: String {
      "mode \(String(mode, radix: 8)) owner \(userID):\(groupID) links \(linkCount) "
        + "size \(byteCount) mtime \(modificationTime) target \(target.map { FileName($0).text } ?? "-") "
        + "device \(device ?? []) sha256 \(sha256 ?? "-") "
        + "attributes \(attributes.map { "\(FileName($0).text)=\($1.hex)" }.sorted())"
    }
  }

  package private(set) var entries: [[UInt8]: Entry] = [:]

  /// A snapshot of what is known already; the root's path is ".".
  package init(entries: [[UInt8]: Entry]) {
    self.entries = entries
  }

  /// Reads everything at and below `path`; with `contents`, also what every file holds.
  package init(of path: String, contents: Bool = true) throws {
    try visit([UInt8](path.utf8), as: [0x2E], contents: contents)
  }

  /// The first few differences, one a line; empty when the snapshots are equal.
  package func differences(from other: TreeSnapshot, limit: Int = 5) -> [String] {
    var lines: [String] = []
    for path in Set(entries.keys).union(other.entries.keys).sorted(by: {
      $0.lexicographicallyPrecedes($1)
    })
    where entries[path] != other.entries[path] {
      let (left, right) = (entries[path], other.entries[path])
      lines.append(
        "\(FileName(path).text):\n  \(left?.description ?? "absent")\n  \(right?.description ?? "absent")"
      )
      if lines.count == limit { break }
    }
    return lines
  }

  private mutating func visit(_ path: [UInt8], as name: [UInt8], contents: Bool) throws {
    let cPath = Self.terminated(path)
    var status = stat()
    guard lstat(cPath, &status) == 0 else { throw Problem("lstat", path) }
    let type = status.st_mode & UInt32(S_IFMT)
    var entry = Entry(
      mode: status.st_mode, userID: status.st_uid, groupID: status.st_gid,
      linkCount: UInt64(status.st_nlink),
      byteCount: type == UInt32(S_IFDIR) ? 0 : UInt64(status.st_size),
      modificationTime: Int64(status.st_mtim.tv_sec) * 1_000_000_000
        + Int64(status.st_mtim.tv_nsec),
      attributes: try Self.attributes(of: path))
    switch type {
    case UInt32(S_IFDIR):
      for child in try Self.names(in: path) {
        try visit(
          path + [0x2F] + child, as: name == [0x2E] ? child : name + [0x2F] + child,
          contents: contents)
      }
    case UInt32(S_IFLNK):
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = buffer.withUnsafeMutableBytes { bytes in
        bytes.withMemoryRebound(to: CChar.self) { text in
          text.baseAddress.map { readlink(cPath, $0, text.count) } ?? -1
        }
      }
      guard count >= 0 else { throw Problem("readlink", path) }
      entry.target = Array(buffer[..<count])
    case UInt32(S_IFCHR), UInt32(S_IFBLK):
      entry.device = [
        UInt32(cullet_major(status.st_rdev)), UInt32(cullet_minor(status.st_rdev)),
      ]
    case UInt32(S_IFREG) where contents:
      entry.sha256 = try Self.digest(of: path)
    default: break
    }
    entries[name] = entry
  }

  private static func names(in path: [UInt8]) throws -> [[UInt8]] {
    guard let stream = opendir(terminated(path)) else { throw Problem("opendir", path) }
    defer { closedir(stream) }
    var names: [[UInt8]] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if name != [0x2E] && name != [0x2E, 0x2E] { names.append(name) }
    }
    return names
  }

  private static func attributes(of path: [UInt8]) throws -> [[UInt8]: [UInt8]] {
    let cPath = terminated(path)
    var list = [CChar](repeating: 0, count: 65536)
    let count = llistxattr(cPath, &list, list.count)
    guard count >= 0 else { return [:] }
    var attributes: [[UInt8]: [UInt8]] = [:]
    for name in list[..<count].split(separator: 0) {
      var value = [UInt8](repeating: 0, count: 65536)
      let length = lgetxattr(cPath, Array(name) + [0], &value, value.count)
      guard length >= 0 else { throw Problem("lgetxattr", path) }
      attributes[name.map { UInt8(bitPattern: $0) }] = Array(value[..<length])
    }
    return attributes
  }

  private static func digest(of path: [UInt8]) throws -> String {
    let descriptor = cullet_open(terminated(path), O_RDONLY, 0)
    guard descriptor >= 0 else { throw Problem("open", path) }
    defer { close(descriptor) }
    var hash = SHA256()
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      guard count >= 0 else { throw Problem("read", path) }
      if count == 0 { return hash.finish().hex }
      hash.update(buffer.rawSpan.extracting(0..<count))
    }
  }

  private static func terminated(_ path: [UInt8]) -> [CChar] {
    path.map { CChar(bitPattern: $0) } + [0]
  }

  /// A system call that failed on a path.
  package struct Problem: Error, CustomStringConvertible {
    package let description: String
    package let number: Int32

    init(_ call: String, _ path: [UInt8]) {
      number = cullet_errno()
      description = "\(call) \(FileName(path).text): \(String(cString: strerror(number)))"
    }
  }
}
