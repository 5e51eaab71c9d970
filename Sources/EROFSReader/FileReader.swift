internal import Bytes
package import EROFS

extension Image {
  /// The longest symbolic link that Linux follows.
  package static let linkTargetByteCountLimit: UInt64 = 4095

  /// Fills `target` with the content of `inode` from `offset` on; returns how many bytes there
  /// were, fewer than `target` holds only at the end of the file.
  ///
  /// What is stored uncompressed goes straight from the source to `target`. After an error the
  /// content of `target` is arbitrary.
  package func read(
    _ inode: Inode, at offset: UInt64, into target: inout MutableRawSpan
  ) throws(ReadError) -> Int {
    guard inode.fileType.hasContent else {
      throw .format(EROFSError(.wrongFileType("file with content"), at: inode.nid))
    }
    guard offset < inode.byteCount else { return 0 }
    let count = Int(min(UInt64(target.byteCount), inode.byteCount - offset))
    var wanted = target[bytes: 0..<count]
    switch inode.dataLayout {
    case .plain, .inline, .chunked:
      try readFlat(inode, at: offset, into: &wanted)
    case .compressedFull, .compressedCompact:
      try readCompressed(inode, at: offset, into: &wanted)
    }
    return count
  }

  private func readFlat(
    _ inode: Inode, at offset: UInt64, into target: inout MutableRawSpan
  ) throws(ReadError) {
    let end = offset + UInt64(target.byteCount)
    var done = 0
    while done < target.byteCount {
      var extent = try flatExtent(of: inode, at: offset + UInt64(done), upTo: end)
      // Chunk tables are looked at in batches; a run that goes on in the next is still one read.
      while extent.kind == .plain, extent.fileEnd < end {
        let next = try flatExtent(of: inode, at: extent.fileEnd, upTo: end)
        guard extent.isContinued(by: next) else { break }
        extent.byteCount += next.byteCount
      }
      let count = Int(extent.byteCount)
      var part = target[bytes: done..<done + count]
      switch extent.place {
      case _ where extent.kind == .hole: part.zero(0..<count)
      case .metadata(let space):
        try copyMetadata(
          at: MetadataAddress(space: space, offset: extent.storedOffset), into: &part)
      case .device(let device):
        try devices.read(
          into: &part, at: DeviceSet.Location(device: device, offset: extent.storedOffset))
      }
      done += count
    }
  }

  /// Fills `target` with metadata; it is as short as what fits beside an inode.
  func copyMetadata(
    at address: MetadataAddress, into target: inout MutableRawSpan
  ) throws(ReadError) {
    // A closure cannot capture a span that is borrowed for writing, so the bytes are lent first.
    let bytes = try withMetadata(at: address, byteCount: target.byteCount) { $0.copyBytes() }
    target.copy(bytes.rawSpan)
  }

  /// Where the symbolic link `inode` points, which is neither empty nor has zeros in it.
  package func symbolicLinkTarget(_ inode: Inode) throws(ReadError) -> [UInt8] {
    guard inode.fileType == .symbolicLink else {
      throw .format(EROFSError(.wrongFileType("symbolic link"), at: inode.nid))
    }
    guard inode.byteCount <= Self.linkTargetByteCountLimit else {
      throw .format(EROFSError(.badInode("symbolic link is too long"), at: inode.nid))
    }
    var bytes = [UInt8](repeating: 0, count: Int(inode.byteCount))
    var span = bytes.mutableRawSpan
    _ = try read(inode, at: 0, into: &span)
    guard !bytes.isEmpty, !bytes.contains(0) else {
      throw .format(EROFSError(.badInode("symbolic link to nowhere"), at: inode.nid))
    }
    return bytes
  }

  /// The run of `inode` that holds the byte at `position`, which is below the file's size.
  ///
  /// Runs of compressed files start where they start; others at `position`.
  package func extent(of inode: Inode, at position: UInt64) throws(ReadError) -> Extent {
    switch inode.dataLayout {
    case .plain, .inline, .chunked:
      return try flatExtent(of: inode, at: position, upTo: inode.byteCount)
    case .compressedFull, .compressedCompact:
      let map = try clusterMap(of: inode)
      let (segment, index) = try segment(of: map, containing: position)
      return segment.extents[index]
    }
  }

  /// The extents of `inode`, from its first byte to its last.
  ///
  /// O(extents) memory, which is bounded by what the image stores about them. Where the content
  /// lies in a fragment, the packed inode's own extents say where that is.
  package func extents(of inode: Inode) throws(ReadError) -> [Extent] {
    guard inode.fileType.hasContent, inode.byteCount > 0 else { return [] }
    var extents: [Extent] = []
    var position: UInt64 = 0
    while position < inode.byteCount {
      switch inode.dataLayout {
      case .plain, .inline, .chunked:
        let next = try flatExtent(of: inode, at: position, upTo: inode.byteCount)
        if let last = extents.last, last.isContinued(by: next) {
          extents[extents.count - 1].byteCount += next.byteCount
          extents[extents.count - 1].storedByteCount += next.storedByteCount
        } else {
          extents.append(next)
        }
        position = next.fileEnd
      case .compressedFull, .compressedCompact:
        let map = try clusterMap(of: inode)
        let (segment, first) = try segment(of: map, containing: position)
        extents.append(contentsOf: segment.extents[first...])
        position = extents[extents.count - 1].fileEnd
      }
    }
    return extents
  }
}
