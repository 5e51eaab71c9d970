import Foundation
import Linux
import TestSupport

/// A block device over a sparse file, detached and removed with its owner.
final class LoopDevice {
  static let isPossible =
    CurrentProcess.userID == 0 && FileManager.default.fileExists(atPath: "/dev/loop-control")

  let path: String
  private let directory: TemporaryDirectory

  init(byteCount: UInt64) throws {
    directory = try TemporaryDirectory()
    let file = try FileHandle(forUpdating: URL(filePath: directory.write([], to: "disk")))
    try file.truncate(atOffset: byteCount)
    try file.close()
    let command = try Command(["losetup", "--find", "--show", directory.file("disk")])
    guard command.status == 0 else { throw CocoaError(.featureUnsupported) }
    path = command.text.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// What the file behind the device takes.
  func allocatedByteCount() throws -> Int {
    let command = try Command(["stat", "-c", "%b %B", directory.file("disk")])
    let numbers = command.text.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
    guard command.status == 0, numbers.count == 2 else { throw CocoaError(.fileReadUnknown) }
    return numbers[0] * numbers[1]
  }

  /// Has the kernel refuse writes, also of those who have the device open already.
  func refuseWrites(_ isReadOnly: Bool) throws {
    let command = try Command(["blockdev", isReadOnly ? "--setro" : "--setrw", path])
    guard command.status == 0 else { throw CocoaError(.featureUnsupported) }
  }

  deinit {
    detach()
  }

  /// Takes the device away, as a cable that is pulled.
  func detach() {
    _ = try? Command(["losetup", "--detach", path])
  }
}
