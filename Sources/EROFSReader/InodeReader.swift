package import Bytes
package import EROFS

extension Image {
  /// The inode numbered `nid`.
  package func inode(_ nid: UInt64) throws(ReadError) -> Inode {
    if let inode = inodes.value(for: nid) { return inode }
    let superblock = self.superblock
    let address = try decoding { () throws(EROFSError) in try superblock.address(ofNode: nid) }
    let spaceByteCount = try byteCount(of: address.space)
    guard address.offset <= spaceByteCount,
      spaceByteCount - address.offset >= UInt64(Inode.compactByteCount)
    else { throw .format(EROFSError(.outOfBounds("inode"), at: nid)) }
    // Asks for the longer form at once: all but the last inode of an image have that much behind.
    let byteCount = min(spaceByteCount - address.offset, UInt64(Inode.extendedByteCount))
    let inode = try withMetadata(at: address, byteCount: Int(byteCount)) {
      bytes throws(ReadError) in
      try decoding { () throws(EROFSError) in
        try Inode(decoding: bytes, nid: nid, superblock: superblock)
      }
    }
    inodes.insert(inode, for: nid, cost: 1)
    return inode
  }

  /// The inode that `path` leads to from the root, or nil when there is none.
  ///
  /// Symbolic links are not followed.
  package func resolve(path: [FileName]) throws(ReadError) -> Inode? {
    var inode = try inode(superblock.rootNID)
    for name in path {
      guard inode.fileType == .directory,
        let entry = try lookUp(name.bytes.rawSpan, in: inode)
      else { return nil }
      inode = try self.inode(entry.nid)
    }
    return inode
  }
}
