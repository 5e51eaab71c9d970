internal import Bytes
package import EROFS

extension Image {
  /// The entry called `name` in `directory`, or nil when there is none.
  ///
  /// Looks at O(log n) blocks and names. Finds "." also where the image leaves it out.
  package func lookUp(
    _ name: RawSpan, in directory: Inode
  ) throws(ReadError) -> DirectoryEntry? {
    try requireDirectory(directory)
    if directory.omitsDot, name.byteCount == 1, name.byte(at: 0) == UInt8(ascii: ".") {
      return selfEntry(of: directory)
    }
    // The block wanted is the last whose first name is not above `name`.
    var low: UInt64 = 0
    var high = blockCount(of: directory)
    while low < high {
      let middle = low + (high - low) / 2
      let found = try withDirectoryBlock(directory, middle) { block throws(EROFSError) in
        let order = try block.name(at: 0).compareBytes(to: name)
        if order > 0 { return SearchStep.before }
        guard let index = try block.index(of: name) else {
          let last = try block.name(at: block.entryCount - 1).compareBytes(to: name)
          return last < 0 ? .after : .absent
        }
        return .found(try block.entry(at: index))
      }
      switch found {
      case .before: high = middle
      case .after: low = middle + 1
      case .absent: return nil
      case .found(let entry): return entry
      }
    }
    return nil
  }

  /// What one block says about where to look for a name.
  private enum SearchStep {
    case before
    case after
    case absent
    case found(DirectoryEntry)
  }

  /// Gives the entries of `directory` from `cookie` on to `body`, in order of their names' bytes,
  /// until it returns false; "." and ".." are among them.
  ///
  /// Cookie 0 is the start. With every entry comes the cookie that continues behind it; cookies
  /// stay valid for the image's life, and those that no call gave out do no harm.
  package func readDirectory(
    _ directory: Inode, from cookie: UInt64,
    _ body: (DirectoryEntry, _ nextCookie: UInt64) -> Bool
  ) throws(ReadError) {
    try requireDirectory(directory)
    let blockByteCount = UInt64(superblock.blockByteCount)
    let blockCount = self.blockCount(of: directory)
    var blockIndex = cookie / blockByteCount
    var entryIndex = Int(cookie % blockByteCount).dividedRoundingUp(
      by: DirectoryBlock.entryByteCount)
    while blockIndex < blockCount {
      let start = blockIndex * blockByteCount
      let goesOn = try withDirectoryBlock(directory, blockIndex) { block throws(EROFSError) in
        while entryIndex < block.entryCount {
          let entry = try block.entry(at: entryIndex)
          entryIndex += 1
          let next =
            entryIndex == block.entryCount
            ? start + blockByteCount
            : start + UInt64(entryIndex * DirectoryBlock.entryByteCount)
          guard body(entry, next) else { return false }
        }
        return true
      }
      guard goesOn else { return }
      blockIndex += 1
      entryIndex = 0
    }
    // An omitted "." comes last, behind every cookie that a stored entry can have.
    let end = blockCount * blockByteCount
    if directory.omitsDot, cookie <= end {
      _ = body(selfEntry(of: directory), end + 1)
    }
  }

  private func selfEntry(of directory: Inode) -> DirectoryEntry {
    DirectoryEntry(nid: directory.nid, name: FileName("."), typeHint: .directory)
  }

  private func requireDirectory(_ inode: Inode) throws(ReadError) {
    guard inode.fileType == .directory else {
      throw .format(EROFSError(.wrongFileType("directory"), at: inode.nid))
    }
  }

  private func blockCount(of directory: Inode) -> UInt64 {
    directory.byteCount.dividedRoundingUp(by: UInt64(superblock.blockByteCount))
  }

  /// Lends block `index` of `directory` to `body`, cut where the directory ends.
  private func withDirectoryBlock<Result>(
    _ directory: Inode, _ index: UInt64,
    _ body: (borrowing DirectoryBlock) throws(EROFSError) -> Result
  ) throws(ReadError) -> Result {
    let blockByteCount = UInt64(superblock.blockByteCount)
    let start = index * blockByteCount
    let byteCount = Int(min(blockByteCount, directory.byteCount - start))
    func decode(_ bytes: RawSpan) throws(ReadError) -> Result {
      try decoding { () throws(EROFSError) in
        try body(try DirectoryBlock(decoding: bytes, ofDirectory: directory.nid))
      }
    }
    if directory.dataLayout == .plain || directory.dataLayout == .inline {
      let extent = try flatExtent(of: directory, at: start, upTo: start + UInt64(byteCount))
      switch extent.place {
      case .device(0):
        return try withMetadata(
          at: MetadataAddress(space: .image, offset: extent.storedOffset), byteCount: byteCount,
          decode)
      case .metadata(let space):
        return try withMetadata(
          at: MetadataAddress(space: space, offset: extent.storedOffset), byteCount: byteCount,
          decode)
      default: break
      }
    }
    var bytes = [UInt8](repeating: 0, count: byteCount)
    var span = bytes.mutableRawSpan
    _ = try read(directory, at: start, into: &span)
    return try decode(bytes.rawSpan)
  }
}
