internal import CLinux
internal import Foundation

/// What can be seen of a path, but for contents, as bytes that can be compared.
enum Observation {
  /// The names in a directory, in order.
  static func names(_ path: String) -> [UInt8] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? ["?"]
    return Array(names.sorted().joined(separator: "\n").utf8)
  }

  /// What stat(2) says of what an image says; device and inode numbers are the driver's.
  static func status(_ path: String) -> [UInt8] {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else { return [] }
    return Array(
      "\(status.st_mode) \(status.st_uid) \(status.st_gid) \(status.st_size) \(status.st_nlink) \(status.st_mtim.tv_sec) \(status.st_mtim.tv_nsec)"
        .utf8)
  }

  /// The names and values of extended attributes.
  static func attributes(_ path: String) -> [UInt8] {
    var names = [CChar](repeating: 0, count: 64 << 10)
    let count = unsafe llistxattr(path, &names, names.count)
    guard count >= 0 else { return [0] }
    var seen: [String] = []
    for name in names.prefix(count).split(separator: 0) {
      let text = String(decoding: name.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      var value = [UInt8](repeating: 0, count: 64 << 10)
      let length = unsafe lgetxattr(path, text, &value, value.count)
      seen.append("\(text)=\(value.prefix(max(0, length)))")
    }
    return Array(seen.sorted().joined(separator: "\n").utf8)
  }

  /// Where a symbolic link leads.
  static func target(_ path: String) -> [UInt8] {
    Array(((try? FileManager.default.destinationOfSymbolicLink(atPath: path)) ?? "?").utf8)
  }
}
