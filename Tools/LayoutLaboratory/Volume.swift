internal import Foundation
internal import Linux

/// A filesystem of its own on a loop device, whose counters tell every write and flush, the
/// journal's too.
struct Volume {
  let mountPoint: String
  private let device: String
  private let image: String

  /// Makes an ext4 of a GiB below `directory` and mounts it.
  init(in directory: String) throws {
    let mountPoint = "\(directory)/volume"
    self.mountPoint = mountPoint
    image = "\(directory)/volume.ext4"
    try Paths.createDirectory(mountPoint, mode: 0o700)
    // Nothing of the filesystem's own making is to be written later.
    let options = "lazy_itable_init=0,lazy_journal_init=0,nodiscard"
    try Self.run("truncate", ["-s", "1G", image])
    try Self.run("mkfs.ext4", ["-q", "-F", "-E", options, image])
    try Self.run("mount", ["-o", "loop", image, mountPoint])
    let mounts = try String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)
    let fields = mounts.split(separator: "\n").map { $0.split(separator: " ") }
    guard let device = fields.first(where: { $0.count > 1 && $0[1] == mountPoint })?.first else {
      throw LaboratoryError("\(mountPoint) is not mounted")
    }
    self.device = String(device.dropFirst("/dev/".count))
  }

  func remove() throws {
    try Self.run("umount", [mountPoint])
    try Paths.removeFile(image)
  }

  /// What has reached the device so far: bytes written, and flushes.
  func counters() throws -> (byteCount: Int, flushCount: Int) {
    let text = try String(contentsOfFile: "/sys/block/\(device)/stat", encoding: .utf8)
    let fields = text.split(separator: " ").compactMap { Int($0.trimmingCharacters(in: .newlines)) }
    guard fields.count >= 16 else { throw LaboratoryError("the kernel does not count flushes") }
    return (fields[6] * 512, fields[15])
  }

  private static func run(_ program: String, _ arguments: [String]) throws {
    let outcome = try ChildProcess(running: program, arguments).wait()
    guard outcome.exitStatus == 0 else {
      throw LaboratoryError("\(program): \(outcome.complaint)")
    }
  }
}
