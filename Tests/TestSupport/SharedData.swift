import Foundation

/// Reference images that a checkout may have beside it; tests that need them skip without them.
package enum SharedData {
  /// `CULLET_SHARED`, when it names a directory.
  package static let root: String? = environmentValue("CULLET_SHARED").flatMap {
    FileManager.default.fileExists(atPath: $0) ? $0 : nil
  }

  /// Whether the reference images are there: for `.enabled(if:)`.
  package static var hasFixtures: Bool {
    root.map { FileManager.default.fileExists(atPath: "\($0)/fixtures/erofs-1.9.tar.xz") } ?? false
  }

  /// The reference images, unpacked once a process.
  package static let fixtures: Result<TemporaryDirectory, any Error> = Result {
    let directory = try TemporaryDirectory.untilExit()
    try Command([
      "tar", "xJf", "\(root ?? "")/fixtures/erofs-1.9.tar.xz", "-C", directory.path,
    ])
    return directory
  }
}
