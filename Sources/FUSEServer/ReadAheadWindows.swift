internal import Bytes
internal import Linux

/// The read-ahead windows of file-backed EROFS mounts, as sysfs has them.
///
/// Their names do not say whose they are; a mount's is the one that came with it.
struct ReadAheadWindows {
  private static let directory = "/sys/class/bdi"
  /// As long as the longest fetch from an origin.
  ///
  /// It bounds the folios of the page cache, too, and those that the kernel's 128 KiB allow take more
  /// time to read.
  private static let byteCount = 2 << 20
  /// Enough requests of a mebibyte at a time that a fast disk has some while the bytes of the last ones
  /// are decoded.
  private static let byteCountAtHand = 16 << 20

  private let names: Set<String>

  /// Those that there are now; none where sysfs is not to be had.
  init() {
    var names: Set<String> = []
    if let directory = try? FileDescriptor(opening: Self.directory, [.readOnly, .directory]),
      let entries = try? directory.entryNames(limit: 1 << 16)
    {
      names = Set(entries.map(\.text).filter { $0.hasPrefix("erofs-") })
    }
    self.names = names
  }

  /// Raises the window of the one that has come since.
  ///
  /// Best effort: without it everything works, in smaller reads. When others have mounted meanwhile
  /// it cannot be told which is ours, and none is touched.
  func raiseNewest(isAtHand: Bool) {
    let new = Self().names.subtracting(names)
    guard new.count == 1, let name = new.first,
      let file = try? FileDescriptor(
        opening: "\(Self.directory)/\(name)/read_ahead_kb", .writeOnly)
    else { return }
    let byteCount = isAtHand ? Self.byteCountAtHand : Self.byteCount
    try? file.write(Array("\(byteCount >> 10)".utf8).rawSpan)
  }
}
