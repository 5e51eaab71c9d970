package import Bytes
package import EROFS
package import EROFSReader

/// What an image is made of: its superblock in words, and its files by type and layout.
package struct ImageSummary: Encodable, Sendable {
  package struct Usage: Encodable, Sendable {
    package var files = 0
    package var bytes: UInt64 = 0
  }

  package var byteCount: UInt64
  package var blockSize: Int
  package var blocks: UInt64
  package var inodes: UInt64
  package var uuid: String
  package var volumeName: String
  /// Seconds since 1970.
  package var buildTime: Int64
  package var features: [String]
  package var algorithms: [String]
  package var devices: Int
  /// Entries by type; a file with several names counts once.
  package var types: [String: Usage]
  /// Contents by layout.
  package var layouts: [String: Usage]
  /// Files that carry a fingerprint of their content, which other images may share.
  package var fingerprints: Usage

  /// Summarises `image` by looking at every inode, in O(entries).
  ///
  /// Gives each regular file to `body` once, with its fingerprint when it has one.
  package init(
    of image: Image, eachFile body: (Inode, Digest?) -> Void = { _, _ in }
  ) throws(ReadError) {
    let superblock = image.superblock
    byteCount = image.primaryByteCount
    blockSize = superblock.blockByteCount
    blocks = superblock.blockCount
    inodes = superblock.inodeCount
    uuid = superblock.uuid.hex
    volumeName = String(decoding: superblock.volumeName, as: UTF8.self)
    buildTime = superblock.epoch &+ Int64(superblock.buildTime)
    features = superblock.compatibleFeatures.names + superblock.incompatibleFeatures.names
    algorithms = CompressionAlgorithm.allCases.filter(superblock.compression.allows).map(\.name)
    devices = superblock.extraDeviceCount
    var (types, layouts) = ([String: Usage](), [String: Usage]())
    var fingerprints = Usage()
    var seen: Set<UInt64> = []
    var walk = TreeWalk(image)
    while let inode = try walk.next()?.inode {
      guard seen.insert(inode.nid).inserted else { continue }
      types[inode.fileType.name, default: Usage()].add(inode)
      if inode.fileType.hasContent {
        layouts[inode.dataLayout.name, default: Usage()].add(inode)
      }
      if inode.fileType == .regular {
        let fingerprint = try image.fingerprint(of: inode)
        if fingerprint != nil { fingerprints.add(inode) }
        body(inode, fingerprint)
      }
    }
    (self.types, self.layouts, self.fingerprints) = (types, layouts, fingerprints)
  }
}

extension ImageSummary.Usage {
  fileprivate mutating func add(_ inode: Inode) {
    files += 1
    bytes &+= inode.byteCount
  }
}
