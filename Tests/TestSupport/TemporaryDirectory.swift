import Foundation
import Synchronization

/// A directory of a test's own, removed with everything in it when the last reference goes.
package final class TemporaryDirectory: Sendable {
  package let path: String

  package init() throws {
    let base = environmentValue("CULLET_TEST_DIRECTORY") ?? NSTemporaryDirectory()
    path = URL(filePath: base).appending(path: "cullet-test-\(UUID().uuidString)").path()
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// The path of `name` within the directory.
  package func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes `bytes` to `name`; returns its path.
  @discardableResult
  package func write(_ bytes: [UInt8], to name: String) throws -> String {
    let path = file(name)
    try Data(bytes).write(to: URL(filePath: path))
    return path
  }
}

extension TemporaryDirectory {
  private static let lasting = Mutex<[TemporaryDirectory]>([])

  private static let removal: Void = {
    atexit { TemporaryDirectory.lasting.withLock { $0 = [] } }
  }()

  /// A directory for the whole process, such as what a static property holds, removed at its end.
  package static func untilExit() throws -> TemporaryDirectory {
    _ = removal
    let directory = try TemporaryDirectory()
    lasting.withLock { $0.append(directory) }
    return directory
  }
}

/// The value of an environment variable.
package func environmentValue(_ name: String) -> String? {
  ProcessInfo.processInfo.environment[name]
}
