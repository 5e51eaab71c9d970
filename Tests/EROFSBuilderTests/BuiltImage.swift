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
      merging: [.path(tree)], spool: ArchiveSpool(in: NSTemporaryDirectory()))
    let summary = try ImageBuilder(options).build(source, to: path)
    return ([UInt8](try Data(contentsOf: URL(filePath: path))), summary)
  }

  static let canCheck = FileManager.default.isExecutableFile(atPath: "/usr/bin/fsck.erofs")

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
        let read = try image.read(entry.inode, at: UInt64(done), into: &part)
        // What is missing gives another digest.
        if read == 0 { break }
        done += read
      }
      digests[entry.path] = SHA256.digest(of: content.rawSpan).hex
    }
    return digests
  }
}
