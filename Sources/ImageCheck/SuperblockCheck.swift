internal import Bytes
internal import EROFS
internal import EROFSReader

/// What the superblock claims of the rest, and the inodes that only it knows.
extension ImageChecker {
  private static let superblockAddress = MetadataAddress(
    space: .image, offset: UInt64(Superblock.offset))

  func checkSuperblock() throws(SourceError) {
    let superblock = image.superblock
    let blockByteCount = UInt64(superblock.blockByteCount)
    if superblock.blockCount > image.primaryByteCount.dividedRoundingUp(by: blockByteCount) {
      fault(
        .superblock, at: Self.superblockAddress,
        "\(superblock.blockCount) blocks in \(image.primaryByteCount) bytes")
    }
    for (name, block) in [
      ("metadata", superblock.metadataBlock), ("shared attributes", superblock.attributeBlock),
    ] where block > 0 && UInt64(block) * blockByteCount > image.primaryByteCount {
      if name != "metadata", superblock.address(ofSharedAttribute: 0).space == .metabox { continue }
      fault(.superblock, at: Self.superblockAddress, "\(name) from block \(block) on")
    }
    _ = try attempt(.attribute, at: superblock.prefixTable) { () throws(ReadError) in
      try image.longPrefixes()
    }
  }

  func checkSpecialInodes() throws(SourceError) {
    let special = [
      ("packed inode", image.superblock.packedNID), ("metabox", image.superblock.metaboxNID),
    ]
    for (name, nid) in special {
      guard let nid else { continue }
      let found = try attempt(.specialInode, at: address(of: nid), nid: nid) {
        () throws(ReadError) in try image.inode(nid)
      }
      guard let inode = found else { continue }
      guard inode.fileType == .regular else {
        fault(.specialInode, at: inode.address, nid: nid, "the \(name) is no regular file")
        continue
      }
      summary.inodes += 1
      try checkContent(of: inode, at: nil, isSpecial: true)
    }
  }
}
