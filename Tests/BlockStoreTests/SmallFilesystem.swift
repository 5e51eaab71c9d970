import Foundation
import TestSupport

/// A filesystem that is full soon; unmounted with its owner.
final class SmallFilesystem {
  enum Kind {
    case tmpfs
    /// On a loop device.
    case ext4

    static let possible: [Kind] = LoopDevice.isPossible ? [.tmpfs, .ext4] : [.tmpfs]
  }

  let path: String
  private let directory: TemporaryDirectory

  init(_ kind: Kind, byteCount: Int) throws {
    directory = try TemporaryDirectory()
    path = directory.file("mount")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    switch kind {
    case .tmpfs: try Self.run("mount", "-t", "tmpfs", "-o", "size=\(byteCount)", "tmpfs", path)
    case .ext4:
      let image = directory.file("image")
      try Self.run("truncate", "-s", "\(byteCount)", image)
      // As good as all of it for data: no room kept for root, a small journal, few files.
      try Self.run("mkfs.ext4", "-q", "-m", "0", "-J", "size=4", "-N", "64", image)
      try Self.run("mount", "-o", "loop", image, path)
    }
  }

  deinit {
    try? Self.run("umount", "-l", path)
  }

  private static func run(_ arguments: String...) throws {
    guard try Command(arguments).status == 0 else { throw CocoaError(.featureUnsupported) }
  }
}
