internal import Bytes
internal import EROFS

/// The extents of files that are not compressed, computed one at a time from inode and chunk table.
extension Image {
  /// The most records of a chunk table that one extent is made from.
  private static let chunkBatchCount: UInt64 = 1024

  /// The longest extent of `inode` from `position` on that can be told cheaply, up to `limit`.
  ///
  /// `position` is below `limit`, and that not above the file's size.
  func flatExtent(
    of inode: Inode, at position: UInt64, upTo limit: UInt64
  ) throws(ReadError) -> Extent {
    if inode.dataLayout == .chunked {
      return try chunkedExtent(of: inode, at: position, upTo: limit)
    }
    var end = limit
    if inode.dataLayout == .inline {
      let tail = (inode.byteCount - 1).roundedDown(toMultipleOf: UInt64(superblock.blockByteCount))
      if position >= tail {
        return try inlineTail(of: inode, startingAt: tail, from: position, upTo: limit)
      }
      end = min(end, tail)
    }
    guard let block = inode.firstBlock else {
      return .hole(at: position, byteCount: end - position)
    }
    return try plainExtent(
      block: block, device: 0, distance: position, at: position, upTo: end, nid: inode.nid)
  }

  /// The part of an inline file that lies beside its inode, which starts at `tail` in the file.
  private func inlineTail(
    of inode: Inode, startingAt tail: UInt64, from position: UInt64, upTo limit: UInt64
  ) throws(ReadError) -> Extent {
    let address = try decoding { () throws(EROFSError) in try inode.trailerAddress() }
    let blockByteCount = UInt64(superblock.blockByteCount)
    guard address.offset % blockByteCount + (inode.byteCount - tail) <= blockByteCount else {
      throw .format(EROFSError(.badInode("inline data crosses a block"), at: inode.nid))
    }
    return Extent(
      kind: .inline, fileOffset: position, byteCount: limit - position,
      place: .metadata(address.space), storedOffset: address.offset + (position - tail),
      storedByteCount: limit - position)
  }

  /// What is `distance` bytes into the run of blocks that starts at `block` of `device`.
  private func plainExtent(
    block: UInt64, device: Int, distance: UInt64, at position: UInt64, upTo end: UInt64,
    nid: UInt64
  ) throws(ReadError) -> Extent {
    let (base, tooFar) = block.multipliedReportingOverflow(by: UInt64(superblock.blockByteCount))
    let (offset, overflow) = base.addingReportingOverflow(distance)
    guard !tooFar, !overflow else { throw .format(EROFSError(.outOfBounds("data"), at: nid)) }
    let location = try decoding { () throws(EROFSError) in
      try devices.locate(end - position, device: device, offset: offset)
    }
    return Extent(
      kind: .plain, fileOffset: position, byteCount: end - position,
      place: .device(location.device), storedOffset: location.offset,
      storedByteCount: end - position)
  }

  /// Joins the chunks from `position` on that continue each other.
  private func chunkedExtent(
    of inode: Inode, at position: UInt64, upTo limit: UInt64
  ) throws(ReadError) -> Extent {
    let table = try decoding { () throws(EROFSError) in
      try ChunkTable(of: inode, superblock: superblock)
    }
    let first = position >> UInt64(table.chunkBits)
    let last = (limit - 1) >> UInt64(table.chunkBits)
    let count = min(last - first + 1, Self.chunkBatchCount)
    let address = try decoding { () throws(EROFSError) in
      try table.address.advanced(by: first * UInt64(table.recordByteCount))
    }
    let (run, isHole, start) = try withMetadata(
      at: address, byteCount: Int(count) * table.recordByteCount
    ) { records throws(ReadError) in
      let start = table.chunk(at: 0, in: records)
      var run = 1
      while run < Int(count), continues(start, table.chunk(at: run, in: records), run, table) {
        run += 1
      }
      return (run, start == .hole, start)
    }
    let end = min(limit, (first + UInt64(run)) << UInt64(table.chunkBits))
    guard !isHole, case .block(let block, let device) = start else {
      return .hole(at: position, byteCount: end - position)
    }
    return try plainExtent(
      block: block, device: device, distance: position - (first << UInt64(table.chunkBits)),
      at: position, upTo: end, nid: inode.nid)
  }

  /// Whether `next`, `distance` chunks behind `start`, is where the data of `start` goes on.
  private func continues(
    _ start: ChunkAddress, _ next: ChunkAddress, _ distance: Int, _ table: ChunkTable
  ) -> Bool {
    switch (start, next) {
    case (.hole, .hole): return true
    case (.block(let first, let device), .block(let block, let nextDevice)):
      let blocks = UInt64(distance) << UInt64(table.chunkBits - superblock.blockSizeBits)
      return device == nextDevice && block == first &+ blocks
    default: return false
    }
  }
}
