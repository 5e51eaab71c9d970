internal import Bytes
internal import EROFS

/// Reads of compressed files.
extension Image {
  /// Fills all of `target` from `offset` of `inode`, which is at least that long.
  func readCompressed(
    _ inode: Inode, at offset: UInt64, into target: inout MutableRawSpan
  ) throws(ReadError) {
    guard target.byteCount > 0 else { return }
    let map = try clusterMap(of: inode)
    let readsOn = readEnds.note(
      inode.nid, from: offset, to: offset + UInt64(target.byteCount))
    var done = 0
    while done < target.byteCount {
      let (segment, first) = try segment(of: map, containing: offset + UInt64(done))
      var position = first
      while position < segment.extents.count, done < target.byteCount {
        position = try readRun(
          segment.extents, from: position, at: offset, of: inode, readsOn: readsOn, into: &target,
          &done)
      }
    }
  }

  /// Reads extent `first` of `extents` and those behind it that one source read can serve too.
  ///
  /// `done` bytes of `target`, whose start is `offset` in the file, are there already. `readsOn`
  /// tells whether the read goes on with another. Returns the position of the extent to go on with.
  private func readRun(
    _ extents: [Extent], from first: Int, at offset: UInt64, of inode: Inode, readsOn: Bool,
    into target: inout MutableRawSpan, _ done: inout Int
  ) throws(ReadError) -> Int {
    let extent = extents[first]
    let end = offset + UInt64(target.byteCount)
    let start = offset + UInt64(done)
    let skipped = start - extent.fileOffset
    var runEnd = min(extent.fileEnd, end)
    var next = first + 1
    switch extent.kind {
    case .compressed:
      return try readCompressedRun(
        extents, from: first, at: offset, of: inode, readsOn: readsOn, into: &target, &done)
    case .plain, .hole:
      // Neighbours that are stored next to each other are one read.
      while runEnd < end, next < extents.count, extents[next - 1].isContinued(by: extents[next]) {
        runEnd = min(extents[next].fileEnd, end)
        next += 1
      }
    default: break
    }
    let count = Int(runEnd - start)
    var part = target[bytes: done..<done + count]
    switch extent.kind {
    case .hole: part.zero(0..<count)
    case .fragment: try readFragment(extent, skipping: skipped, of: inode, into: &part)
    case .interlaced: try readInterlaced(extent, skipping: skipped, into: &part)
    default: try readStored(extent, from: skipped, into: &part)
    }
    done += count
    return next
  }

  /// Fills `target` with the stored form of `extent`, and of what continues it, from `skipped` on.
  private func readStored(
    _ extent: Extent, from skipped: UInt64, into target: inout MutableRawSpan
  ) throws(ReadError) {
    switch extent.place {
    case .device(let device):
      try devices.read(
        into: &target,
        at: DeviceSet.Location(device: device, offset: extent.storedOffset + skipped))
    case .metadata(let space):
      try copyMetadata(
        at: MetadataAddress(space: space, offset: extent.storedOffset + skipped), into: &target)
    }
  }

  /// Fills `target` with part of the packed inode, which has no fragments itself.
  private func readFragment(
    _ extent: Extent, skipping skipped: UInt64, of inode: Inode, into target: inout MutableRawSpan
  ) throws(ReadError) {
    let packed = try packedInode()
    guard inode.nid != packed.nid else {
      throw .format(EROFSError(.badExtent("fragment within the packed inode"), at: inode.nid))
    }
    let (offset, overflow) = extent.storedOffset.addingReportingOverflow(skipped)
    guard !overflow, try read(packed, at: offset, into: &target) == target.byteCount else {
      throw .format(EROFSError(.badExtent("fragment past the packed inode"), at: inode.nid))
    }
  }

  /// Fills `target` from an extent whose first bytes are stored last, so that each byte has the
  /// place in its block that it has in the file.
  private func readInterlaced(
    _ extent: Extent, skipping skipped: UInt64, into target: inout MutableRawSpan
  ) throws(ReadError) {
    let blockByteCount = UInt64(superblock.blockByteCount)
    let lastByteCount = blockByteCount - extent.fileOffset % blockByteCount
    let end = skipped + UInt64(target.byteCount)
    var done = 0
    if skipped < lastByteCount {
      done = Int(min(end, lastByteCount) - skipped)
      var part = target[bytes: 0..<done]
      try readStored(
        extent, from: extent.storedByteCount - lastByteCount + skipped, into: &part)
    }
    if done < target.byteCount {
      var part = target[bytes: done..<target.byteCount]
      try readStored(extent, from: skipped + UInt64(done) - lastByteCount, into: &part)
    }
  }
}
