import Foundation
import TestSupport

/// What an end-to-end test works with: the built command, a cache, a mount point, an image.
///
/// Whatever was mounted below the stage's directory is unmounted when the stage goes, also when the
/// test failed.
final class Stage: Sendable {
  static let isPossible = getuid() == 0 && FileManager.default.fileExists(atPath: "/dev/fuse")

  /// Whether the kernel reads files of one FUSE mount through another.
  static let canPassThrough: Bool = {
    let release = (try? Command(["uname", "-r"]).text) ?? ""
    let numbers = release.split(separator: ".").prefix(2).compactMap { Int($0) }
    return isPossible && numbers.count == 2 && (numbers[0], numbers[1]) >= (6, 9)
  }()

  /// Whether the kernel's EROFS reads images that are files.
  static let canMountFiles: Bool = {
    let version = ProcessInfo.processInfo.operatingSystemVersion
    return isPossible && KernelImages.canMount
      && (version.majorVersion, version.minorVersion) >= (6, 12)
  }()

  /// The command, built beside the tests.
  static let binary: String = {
    let beside = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    return environmentValue("CULLET_BINARY") ?? beside.appending(path: "cullet").path()
  }()

  let directory: TemporaryDirectory
  var cache: String { directory.file("cache") }
  var mountPoint: String { directory.file("mnt") }

  init() throws {
    directory = try TemporaryDirectory()
    try FileManager.default.createDirectory(
      atPath: directory.file("mnt"), withIntermediateDirectories: false)
  }

  deinit {
    let mounts = (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? ""
    for line in mounts.split(separator: "\n").reversed() {
      let point = line.split(separator: " ")[4]
      if point.hasPrefix(directory.path) { _ = try? Command(["umount", "-l", String(point)]) }
    }
  }

  /// Runs the command with the stage's cache.
  @discardableResult
  func cullet(_ arguments: String...) throws -> Command {
    try Command([Self.binary] + arguments, environment: ["CULLET_CACHE": cache])
  }

  /// Runs the command and fails the test unless it succeeds.
  @discardableResult
  func succeed(_ arguments: String...) throws -> Command { try succeed(arguments) }

  /// Runs the command and fails the test unless it succeeds.
  @discardableResult
  func succeed(_ arguments: [String]) throws -> Command {
    let command = try Command([Self.binary] + arguments, environment: ["CULLET_CACHE": cache])
    guard command.status == 0 else {
      throw StageError("cullet \(arguments.joined(separator: " ")): \(command.errors)")
    }
    return command
  }

  /// Starts the command without waiting for it.
  func start(_ arguments: String...) throws -> RunningCommand {
    try RunningCommand([Self.binary] + arguments, environment: ["CULLET_CACHE": cache])
  }

  func status() throws -> [String: Any] {
    let text = try succeed("cache", "status", "--json").output
    guard let status = try JSONSerialization.jsonObject(with: text) as? [String: Any] else {
      throw StageError("the status is no object")
    }
    return status
  }

  /// The number at `keys` of the status.
  func status(_ keys: String...) throws -> Int {
    var value: Any? = try status()
    for key in keys { value = (value as? [String: Any])?[key] }
    guard let number = value as? Int else {
      throw StageError("no number at \(keys.joined(separator: "."))")
    }
    return number
  }

  /// Mounts `image` with the kernel's own EROFS and snapshots it.
  func kernelSnapshot(of image: String) throws -> TreeSnapshot {
    try KernelImages.snapshot(of: image, at: directory.file("kernel"))
  }
}

struct StageError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}
