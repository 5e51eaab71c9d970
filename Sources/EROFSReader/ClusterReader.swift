internal import Bytes
internal import Codecs
internal import EROFS

/// The first bytes that a compressed extent decodes to; extents of other lengths may share it.
final class DecodedCluster: Sendable {
  let bytes: [UInt8]

  init(bytes: [UInt8]) {
    self.bytes = bytes
  }
}

/// Which stored bytes were decoded, and how.
struct DecodedClusterKey: Hashable, Sendable {
  var place: Extent.Place
  var storedOffset: UInt64
  var storedByteCount: UInt64
  var algorithm: CompressionAlgorithm
}

/// Reads of compressed files.
extension Image {
  /// The most compressed bytes that one source read fetches, if an extent alone is no longer.
  private static let runByteCountLimit: UInt64 = 1 << 20

  /// Fills all of `target` from `offset` of `inode`, which is at least that long.
  func readCompressed(
    _ inode: Inode, at offset: UInt64, into target: inout MutableRawSpan
  ) throws(ReadError) {
    guard target.byteCount > 0 else { return }
    let map = try clusterMap(of: inode)
    var done = 0
    while done < target.byteCount {
      let (segment, first) = try segment(of: map, containing: offset + UInt64(done))
      var position = first
      while position < segment.extents.count, done < target.byteCount {
        position = try readRun(
          segment.extents, from: position, at: offset, of: inode, into: &target, &done)
      }
    }
  }

  /// Reads extent `first` of `extents` and those behind it that one source read can serve too.
  ///
  /// `done` bytes of `target`, whose start is `offset` in the file, are there already. Returns the
  /// position of the extent to go on with.
  private func readRun(
    _ extents: [Extent], from first: Int, at offset: UInt64, of inode: Inode,
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
        extents, from: first, at: offset, of: inode, into: &target, &done)
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

  /// Reads compressed extent `first` and those behind it whose data follows, as far as `target`
  /// wants them and they are not decoded already, with one source read.
  private func readCompressedRun(
    _ extents: [Extent], from first: Int, at offset: UInt64, of inode: Inode,
    into target: inout MutableRawSpan, _ done: inout Int
  ) throws(ReadError) -> Int {
    let end = offset + UInt64(target.byteCount)
    let start = offset + UInt64(done)
    let extent = extents[first]
    let isPartial = start > extent.fileOffset || extent.fileEnd > end
    if isPartial, let cluster = clusters.value(for: key(of: extent)),
      cluster.bytes.count >= Int(min(extent.fileEnd, end) - extent.fileOffset)
    {
      copy(cluster, of: extent, at: offset, into: &target, &done)
      return first + 1
    }
    if case .metadata(let space) = extent.place {
      let address = MetadataAddress(space: space, offset: extent.storedOffset)
      let stored = try withMetadata(at: address, byteCount: Int(extent.storedByteCount)) {
        $0.copyBytes()
      }
      try decode(stored.rawSpan, extent, of: inode, at: offset, into: &target, &done)
      return first + 1
    }
    guard case .device(let device) = extent.place else { return first + 1 }

    var next = first + 1
    var storedEnd = extent.storedOffset + extent.storedByteCount
    while next < extents.count, extents[next].fileOffset < end {
      let candidate = extents[next]
      guard case .compressed = candidate.kind, candidate.place == extent.place,
        candidate.storedOffset == storedEnd,
        storedEnd + candidate.storedByteCount - extent.storedOffset <= Self.runByteCountLimit
      else { break }
      storedEnd += candidate.storedByteCount
      next += 1
    }
    var scratch = ScratchBuffer(byteCount: Int(storedEnd - extent.storedOffset))
    var span = scratch.mutableBytes
    try devices.read(
      into: &span, at: DeviceSet.Location(device: device, offset: extent.storedOffset))
    for position in first..<next {
      let from = Int(extents[position].storedOffset - extent.storedOffset)
      let stored = scratch.bytes.extracting(
        from..<from + Int(extents[position].storedByteCount))
      try decode(stored, extents[position], of: inode, at: offset, into: &target, &done)
    }
    return next
  }

  private func key(of extent: Extent) -> DecodedClusterKey {
    guard case .compressed(let algorithm) = extent.kind else {
      preconditionFailure("only compressed extents are decoded")
    }
    return DecodedClusterKey(
      place: extent.place, storedOffset: extent.storedOffset,
      storedByteCount: extent.storedByteCount, algorithm: algorithm)
  }

  /// Copies what `target` wants of `extent` from where it is decoded.
  private func copy(
    _ cluster: DecodedCluster, of extent: Extent, at offset: UInt64,
    into target: inout MutableRawSpan, _ done: inout Int
  ) {
    let skipped = Int(offset + UInt64(done) - extent.fileOffset)
    let count = min(Int(extent.byteCount) - skipped, target.byteCount - done)
    let bytes = cluster.bytes
    target.copy(bytes.rawSpan.extracting(skipped..<skipped + count), atByteOffset: done)
    done += count
  }

  /// Decodes `extent` into `target` when all of it is wanted; otherwise keeps what is decoded, for
  /// who reads part of an extent mostly wants the rest soon.
  private func decode(
    _ stored: RawSpan, _ extent: Extent, of inode: Inode, at offset: UInt64,
    into target: inout MutableRawSpan, _ done: inout Int
  ) throws(ReadError) {
    let skipped = Int(offset + UInt64(done) - extent.fileOffset)
    let byteCount = Int(extent.byteCount)
    let wanted = min(byteCount, skipped + target.byteCount - done)
    if skipped == 0, wanted == byteCount {
      var part = target[bytes: done..<done + byteCount]
      try decode(stored, extent, of: inode, into: &part)
      done += byteCount
      return
    }
    let cluster = try cluster(
      stored, extent, of: inode, prefixByteCount: wanted, isAtStart: skipped == 0)
    copy(cluster, of: extent, at: offset, into: &target, &done)
  }

  /// The first `prefixByteCount` bytes of `extent` or more, decoded by one thread for all that want
  /// them now or soon.
  ///
  /// Who reads from the start probably goes on, and gets the whole extent. Who comes first and
  /// jumped into it gets no more than it wants; whoever wants more later gets the whole extent, so
  /// that nothing is decoded more than twice.
  private func cluster(
    _ stored: RawSpan, _ extent: Extent, of inode: Inode, prefixByteCount: Int, isAtStart: Bool
  ) throws(ReadError) -> DecodedCluster {
    let key = key(of: extent)
    decodingTurns.take(key)
    defer { decodingTurns.end(key) }
    let known = clusters.value(for: key)
    if let known, known.bytes.count >= prefixByteCount { return known }
    let byteCount = known == nil && !isAtStart ? prefixByteCount : Int(extent.byteCount)
    // Not zeroed first: the decoder fills all of it or throws.
    let bytes = try [UInt8](capacity: byteCount) { output throws(ReadError) in
      try unsafe output.withUnsafeMutableBufferPointer { buffer, filled throws(ReadError) in
        var target = unsafe MutableRawSpan(_unsafeBytes: UnsafeMutableRawBufferPointer(buffer))
        try decode(stored, extent, of: inode, into: &target)
        filled = byteCount
      }
    }
    let cluster = DecodedCluster(bytes: bytes)
    clusters.insert(cluster, for: key, cost: byteCount)
    return cluster
  }

  /// Decodes the stored form of `extent` to exactly as many bytes as `target` holds.
  private func decode(
    _ stored: RawSpan, _ extent: Extent, of inode: Inode, into target: inout MutableRawSpan
  ) throws(ReadError) {
    let algorithm = key(of: extent).algorithm
    var payload = stored
    // Only LZ4 was ever stored without padding in front.
    if algorithm != .lz4 || superblock.incompatibleFeatures.contains(.zeroPadding) {
      let limit = min(stored.byteCount, superblock.blockByteCount)
      var start = 0
      while start < limit, stored.byte(at: start) == 0 { start += 1 }
      guard start < limit else {
        throw .format(EROFSError(.badData("nothing but padding"), at: inode.nid))
      }
      payload = stored.extracting(start..<stored.byteCount)
    }
    do {
      if algorithm == .lz4 { return try LZ4.decode(payload, into: &target) }
      let decompressor = decompressors.take()
      defer { decompressors.give(decompressor) }
      try decompressor.decode(payload, by: codec(of: algorithm), into: &target)
    } catch {
      throw .format(EROFSError(.badData(error.description), at: inode.nid))
    }
  }

  private func codec(of algorithm: CompressionAlgorithm) -> Codec {
    switch algorithm {
    case .lz4: .lz4
    case .lzma:
      .microLZMA(dictionaryByteCount: superblock.compression.lzmaDictionaryByteCount)
    case .deflate: .deflate
    case .zstd: .zstd
    }
  }
}
