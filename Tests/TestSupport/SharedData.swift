import Foundation

/// Reference images that a checkout may have beside it; tests that need them skip without them.
package enum SharedData {
  /// Every reference image, in order.
  package static let imageNames = [
    "48bit-plain", "48bit-zstd", "blobdev", "chunk-4k", "chunk-64k-index", "compact-inodes",
    "deflate", "extended-inodes", "fingerprint-lz4", "fingerprint-trusted", "inline-off", "lz4",
    "lz4-allfrag-dedupe", "lz4-dedupe", "lz4-dirs", "lz4-frag", "lz4-legacy", "lz4-tail",
    "lz4hc-big", "lzma", "metabox", "plain", "plain-b1024", "plain-b512", "two-algs",
    "xattr-prefix", "zstd",
  ]

  /// `CULLET_SHARED`, when it names a directory.
  package static let root: String? = environmentValue("CULLET_SHARED").flatMap {
    FileManager.default.fileExists(atPath: $0) ? $0 : nil
  }

  /// Whether the reference images are there: for `.enabled(if:)`.
  package static var hasFixtures: Bool {
    root.map { FileManager.default.fileExists(atPath: "\($0)/fixtures/erofs-1.9.tar.xz") } ?? false
  }

  /// The reference images, unpacked once a process.
  private static let fixtures: Result<TemporaryDirectory, any Error> = Result {
    let directory = try TemporaryDirectory.untilExit()
    let unpacking = try Command([
      "tar", "xJf", "\(root ?? "")/fixtures/erofs-1.9.tar.xz", "-C", directory.path,
    ])
    guard unpacking.status == 0 else { throw SharedDataError(description: unpacking.errors) }
    return directory
  }

  /// The path of `file`, one of the reference images or of what came with them.
  package static func path(of file: String) throws -> String {
    try fixtures.get().file("erofs-1.9/\(file)")
  }

  /// What `file` holds, one of the reference images or of what came with them.
  package static func bytes(of file: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: try path(of: file))))
  }

  /// The files that the image `name` has as its further devices.
  package static func deviceFiles(of name: String) -> [String] {
    name == "blobdev" ? ["blobdev.blob"] : []
  }

  /// The images that the index knows, in order.
  package static func indexedNames() throws -> [String] { try object("index.json").keys.sorted() }

  /// What the kernel showed of the image `name` when it was made: path to fields; the root is ".".
  package static func manifest(of name: String) throws -> [String: [String: Any]] {
    let description = try object("index.json")[name] as? [String: Any]
    guard let file = description?["manifest"] as? String,
      let manifest = try object(file) as? [String: [String: Any]]
    else { throw SharedDataError(description: "no manifest of \(name)") }
    return manifest
  }

  /// The manifest of the image `name` in the form that a tree on disk is seen in.
  package static func snapshot(of name: String) throws -> TreeSnapshot {
    let entries = try manifest(of: name).map { path, fields in
      (Array(path.utf8), ManifestFields(fields).entry)
    }
    return TreeSnapshot(entries: Dictionary(uniqueKeysWithValues: entries))
  }

  private static func object(_ file: String) throws -> [String: Any] {
    let object = try JSONSerialization.jsonObject(with: Data(try bytes(of: file)))
    guard let object = object as? [String: Any] else {
      throw SharedDataError(description: "\(file) is no object")
    }
    return object
  }
}

/// The reference images are not as they should be.
package struct SharedDataError: Error, CustomStringConvertible {
  package let description: String
}
