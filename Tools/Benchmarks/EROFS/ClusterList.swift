internal import Bytes
internal import Codecs
internal import EROFS
internal import EROFSReader

/// The files of an image that are compressed from end to end, with what their extents are stored as.
struct ClusterList {
  struct File {
    let inode: Inode
    let extents: [Extent]
  }

  let image: Image
  let bytes: [UInt8]
  let files: [File]
  /// Of all `files`.
  let byteCount: Int

  /// The list for the LZ4 image in `bytes`, all extents of whose compressed files are read here.
  init(_ bytes: [UInt8]) throws {
    self.bytes = bytes
    image = try Image(source: MemorySource(bytes))
    var (files, byteCount, seen) = ([File](), 0, Set<UInt64>())
    var walk = TreeWalk(image)
    while let inode = try walk.next()?.inode {
      guard inode.fileType == .regular, inode.byteCount > 0, seen.insert(inode.nid).inserted else {
        continue
      }
      let extents = try image.extents(of: inode)
      let isCompressed = extents.allSatisfy { extent in
        extent.kind == .compressed(.lz4) && extent.place == .device(0)
      }
      guard isCompressed else { continue }
      files.append(File(inode: inode, extents: extents))
      byteCount += Int(inode.byteCount)
    }
    (self.files, self.byteCount) = (files, byteCount)
  }

  /// An image that has decoded nothing yet and knows the maps of `files`, as far as they fit.
  func freshImage(knowing files: [File]) throws -> Image {
    var limits = CacheLimits()
    limits.mapByteCount = 64 << 20
    limits.metadataByteCount = 64 << 20
    limits.inodeCount = 1 << 18
    let image = try Image(source: MemorySource(bytes), limits: limits)
    for file in files { _ = try image.extents(of: file.inode) }
    return image
  }

  /// Decodes the first `byteCount` bytes of `extent` and nothing else, into the start of `target`.
  func decodeBare(_ extent: Extent, byteCount: Int, into target: inout [UInt8]) throws {
    var stored = bytes.rawSpan.extracting(
      Int(extent.storedOffset)..<Int(extent.storedOffset + extent.storedByteCount))
    var padding = 0
    while padding < stored.byteCount, stored.byte(at: padding) == 0 { padding += 1 }
    stored = stored.extracting(padding..<stored.byteCount)
    var span = target.mutableRawSpan
    var part = span[bytes: 0..<byteCount]
    try LZ4.decode(stored, into: &part)
  }
}
