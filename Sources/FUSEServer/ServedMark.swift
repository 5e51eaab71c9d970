internal import Bytes
internal import Linux

/// The note that a kernel mount of Cullet's leaves: what it is of, and whether it needs a server.
///
/// The kernel's table tells neither that a mount of its EROFS is ours nor whether anybody answers
/// its reads, and it goes on with what it has cached. So there is a file for each, named by the
/// mount's device number, in a directory that the next boot empties; who serves the mount holds a
/// lock on it, which goes with the process.
package final class ServedMark: Sendable {
  /// Where the notes lie, for all caches of the machine: a mount may outlive its cache.
  private static let directory = "/run/cullet/mounts"

  let device: String
  private let path: String
  private let file: FileDescriptor

  /// Leaves the note for the mount of `source` whose files show `device`.
  ///
  /// Unless `needsServer`, the mount is live without its maker.
  init(device: String, source: String, needsServer: Bool) throws(SystemError) {
    try Paths.createDirectory(Self.directory, mode: 0o755)
    self.device = device
    path = Self.path(of: device)
    // Whatever lies there is of a mount that is gone: the number is in use again.
    try Paths.removeFile(path)
    file = try FileDescriptor(
      opening: path, [.readWrite, .create, .exclusive, .noFollow], mode: 0o644)
    // Whoever looks whether it is held, holds it for a moment.
    while try !file.tryLockWholly() { Thread.sleep(milliseconds: 1) }
    try file.write(Array("\(needsServer ? "served" : "direct") \(source)".utf8).rawSpan, at: 0)
  }

  /// Takes the note away, when the mount has ended.
  ///
  /// Not that of a mount that got the same number since.
  package func remove() {
    guard let found = try? FileDescriptor(opening: path, .readOnly),
      let own = try? file.status(), let there = try? found.status(),
      (own.device, own.inode) == (there.device, there.inode)
    else { return }
    _ = try? Paths.removeFile(path)
  }

  private static func path(of device: String) -> String { "\(directory)/\(device)" }

  /// Whether the mount of `source` with `device` has a note.
  static func isKnown(device: String, source: String) -> Bool {
    guard let text = text(of: device) else { return false }
    return text == "served \(source)" || text == "direct \(source)"
  }

  /// Whether the mount with `device`, which has a note, is good for more than unmounting.
  static func isLive(device: String) -> Bool {
    guard let text = text(of: device) else { return false }
    if text.hasPrefix("direct ") { return true }
    guard let file = try? FileDescriptor(opening: path(of: device), .readOnly) else { return false }
    return (try? file.tryLockWholly()) != true
  }

  /// Removes the note of a mount that has ended, unless somebody still holds it.
  static func removeLeft(device: String) {
    guard let file = try? FileDescriptor(opening: path(of: device), .readOnly),
      (try? file.tryLockWholly()) == true
    else { return }
    _ = try? Paths.removeFile(path(of: device))
  }

  private static func text(of device: String) -> String? {
    guard let file = try? FileDescriptor(opening: path(of: device), .readOnly),
      let bytes = try? file.read(byteCount: 8192, at: 0)
    else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }
}
