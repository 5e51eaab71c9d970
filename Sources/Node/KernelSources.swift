internal import EROFSReader
internal import FUSEServer
internal import ImageMount
internal import Origins

/// Where the kernel's own EROFS finds an image and its extra devices.
///
/// What is a local file it opens itself. The rest are files of a hidden mount.
struct KernelSources {
  /// The longest name of a file that every kernel's FUSE passes on.
  private static let nameByteCountMax = 255
  /// Short of what the kernel takes for a path.
  private static let pathByteCountMax = 4000

  /// What the hidden mount has to serve; empty when the kernel needs nobody.
  private(set) var blobs: [BlobFilesystem.Blob] = []
  private(set) var request: KernelMount.Request

  /// Finds what `mount` asks for in its `sources`.
  init(
    _ mount: MountRequest, _ sources: (main: any BlockSource, extra: [any BlockSource])
  ) throws(Failure) {
    request = KernelMount.Request(
      image: "", devices: [], domain: mount.domain,
      isAtHand: ([sources.main] + sources.extra).allSatisfy { $0.isWhollyAtHand })
    request.image = try place(
      mount.source, sources.main, as: Self.path(showing: mount.sourceName))
    for (number, (name, source)) in zip(mount.devices, sources.extra).enumerated() {
      request.devices.append(try place(name, source, as: "device-\(number + 1)"))
    }
  }

  /// The path at which the kernel finds `name`: its own, or `path`, where `source` is served.
  private mutating func place(
    _ name: String, _ source: any BlockSource, as path: String
  ) throws(Failure) -> String {
    if case .file(let path) = try SourceReference(checking: name) { return path }
    blobs.append(BlobFilesystem.Blob(path: path, source: source))
    return path
  }

  /// A path that reads as `name` in the table of mounts, if `name` can be one.
  private static func path(showing name: String) -> String {
    let parts = name.utf8.split(separator: UInt8(ascii: "/"))
    let canBePath = parts.allSatisfy { part in
      part.count <= nameByteCountMax && !part.elementsEqual([UInt8(ascii: ".")])
        && !part.elementsEqual([UInt8(ascii: "."), UInt8(ascii: ".")])
    }
    return canBePath && name.utf8.count <= pathByteCountMax ? name : "image"
  }
}
