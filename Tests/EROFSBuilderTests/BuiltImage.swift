import Bytes
import EROFS
import EROFSBuilder
import EROFSReader
import Foundation
import TestSupport
import TreeSources

/// Images that the tests build, and what others say of them.
enum BuiltImage {
  /// Builds the image `name` of the directory `tree`; returns its bytes.
  @discardableResult
  static func build(
    _ options: BuildOptions, of tree: String, at path: String
  ) throws -> (bytes: [UInt8], summary: BuildSummary) {
    let source = try TreeInput.read(
      merging: [tree], spoolDirectory: NSTemporaryDirectory())
    let summary = try ImageBuilder(options).build(source, to: path)
    return ([UInt8](try Data(contentsOf: URL(filePath: path))), summary)
  }

  static let canMount =
    getuid() == 0
    && (try? String(contentsOfFile: "/proc/filesystems", encoding: .utf8))?.contains("erofs")
      == true

  static let canCheck = FileManager.default.isExecutableFile(atPath: "/usr/bin/fsck.erofs")

  /// What the kernel shows of the image at `path`.
  static func kernelSnapshot(
    of path: String, _ directory: TemporaryDirectory
  ) throws -> TreeSnapshot {
    let point = directory.file("mnt")
    try FileManager.default.createDirectory(atPath: point, withIntermediateDirectories: true)
    let mount = try Command(["mount", "-t", "erofs", "-o", "ro,loop", path, point])
    guard mount.status == 0 else { throw MountFailure(description: mount.errors) }
    defer { _ = try? Command(["umount", point]) }
    return try TreeSnapshot(of: point)
  }

  /// What our own reader says of every file: the same as a snapshot says.
  static func contents(of bytes: [UInt8]) throws -> [[UInt8]: [UInt8]] {
    let image = try Image(source: MemorySource(bytes))
    var contents: [[UInt8]: [UInt8]] = [:]
    var walk = TreeWalk(image)
    while let entry = try walk.next() {
      guard entry.inode.fileType == .regular else { continue }
      let count = Int(entry.inode.byteCount)
      var content = [UInt8](repeating: 0x55, count: count)
      var done = 0
      while done < count {
        var span = content.mutableRawSpan
        var part = span[bytes: done..<count]
        done += try image.read(entry.inode, at: UInt64(done), into: &part)
      }
      contents[entry.path] = content
    }
    return contents
  }
}

struct MountFailure: Error, CustomStringConvertible {
  let description: String
}
