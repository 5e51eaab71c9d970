import Bytes
import Codecs
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

  /// What the kernel shows of the image at `path`, with the image `device` as its extra device.
  static func kernelSnapshot(
    of path: String, device: String? = nil, _ directory: TemporaryDirectory
  ) throws -> TreeSnapshot {
    let point = directory.file("mnt")
    try FileManager.default.createDirectory(atPath: point, withIntermediateDirectories: true)
    var options = "ro,loop"
    var loop: String?
    if let device {
      let set = try Command(["losetup", "-f", "--show", "-r", device])
      guard set.status == 0 else { throw MountFailure(description: set.errors) }
      loop = set.text.trimmingCharacters(in: .newlines)
      options += ",device=\(loop ?? "")"
    }
    defer { if let loop { _ = try? Command(["losetup", "-d", loop]) } }
    let mount = try Command(["mount", "-t", "erofs", "-o", options, path, point])
    guard mount.status == 0 else { throw MountFailure(description: mount.errors) }
    defer { _ = try? Command(["umount", point]) }
    return try TreeSnapshot(of: point)
  }

  /// The SHA-256 of every regular file, as our own reader reads it.
  static func digests(of image: Image) throws -> [[UInt8]: String] {
    var digests: [[UInt8]: String] = [:]
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
      digests[entry.path] = SHA256.digest(of: content.rawSpan).hex
    }
    return digests
  }
}

struct MountFailure: Error, CustomStringConvertible {
  let description: String
}
