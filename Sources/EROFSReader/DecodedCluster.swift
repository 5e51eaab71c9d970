internal import Bytes
internal import Codecs
internal import EROFS

/// The first bytes that a compressed extent decodes to; extents of other lengths may share it.
///
/// Whoever makes one fills it, and lends it to other threads only then.
@safe
final class DecodedCluster: @unchecked Sendable {
  /// How many bytes there is room for.
  let capacity: Int
  /// How many were decoded.
  private(set) var byteCount = 0
  private let base: UnsafeMutableRawPointer

  /// Room for `capacity` bytes, with arbitrary content.
  init(capacity: Int) {
    self.capacity = capacity
    unsafe base = .allocate(byteCount: capacity, alignment: 8)
  }

  deinit {
    unsafe base.deallocate()
  }

  var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      unsafe _overrideLifetime(
        RawSpan(_unsafeStart: base, byteCount: byteCount), borrowing: self)
    }
  }

  /// Has `body` fill the first `byteCount` bytes; only for the thread that does not share it yet.
  func fill<Failure: Error>(
    byteCount: Int, _ body: (inout MutableRawSpan) throws(Failure) -> Void
  ) throws(Failure) {
    precondition(byteCount <= capacity, "more bytes than there is room for")
    self.byteCount = byteCount
    var target = unsafe MutableRawSpan(_unsafeStart: base, byteCount: byteCount)
    try body(&target)
  }
}

/// Which stored bytes were decoded, and how.
struct DecodedClusterKey: Hashable, Sendable {
  // First, for it is what tells most of them apart.
  var storedOffset: UInt64
  var place: Extent.Place
  var storedByteCount: UInt64
  var algorithm: CompressionAlgorithm

  // Two extents that start in the same place are rare, and hashing takes time.
  func hash(into hasher: inout Hasher) {
    hasher.combine(storedOffset)
  }
}

/// Decoding, and what is kept of it.
extension Image {
  func key(of extent: Extent) -> DecodedClusterKey {
    guard case .compressed(let algorithm) = extent.kind else {
      preconditionFailure("only compressed extents are decoded")
    }
    return DecodedClusterKey(
      storedOffset: extent.storedOffset, place: extent.place,
      storedByteCount: extent.storedByteCount, algorithm: algorithm)
  }

  /// The first `byteCount` bytes of the extent `key`, if they are known.
  func knownCluster(for key: DecodedClusterKey, byteCount: Int) -> DecodedCluster? {
    if let recent = recentClusters.value(for: key, byteCount: byteCount) { return recent }
    guard let known = clusters.value(for: key), known.byteCount >= byteCount else { return nil }
    return known
  }

  /// The first `prefixByteCount` bytes of `extent` or more, decoded by one thread for all that want
  /// them now or soon.
  ///
  /// Who reads on into it probably goes on, and gets the whole extent. Who comes first and jumped
  /// to it gets no more than it wants; whoever wants more later gets the whole extent, so
  /// that nothing is decoded more than twice. What is decoded for the first time is kept in one of
  /// a few buffers, and among the clusters only when it was wanted again after that.
  func cluster(
    _ stored: RawSpan, _ extent: Extent, of inode: Inode, prefixByteCount: Int, isJump: Bool
  ) throws(ReadError) -> DecodedCluster {
    let key = key(of: extent)
    let isFirst: Bool
    switch recentClusters.beginTurn(for: key, byteCount: prefixByteCount) {
    case .known(let cluster): return cluster
    case .first: isFirst = true
    case .again: isFirst = false
    }
    var recent: DecodedCluster?
    defer { recentClusters.endTurn(for: key, keeping: recent) }
    if !isFirst, let known = clusters.value(for: key), known.byteCount >= prefixByteCount {
      return known
    }
    let byteCount = isFirst && isJump ? prefixByteCount : Int(extent.byteCount)
    let isBrief = isFirst && byteCount <= RecentClusters.byteCountLimit
    let cluster = isBrief ? recentClusters.take() : DecodedCluster(capacity: byteCount)
    try cluster.fill(byteCount: byteCount) { target throws(ReadError) in
      try decode(stored, extent, of: inode, into: &target)
    }
    if isBrief {
      recent = cluster
    } else {
      clusters.insert(cluster, for: key, cost: byteCount)
    }
    return cluster
  }

  /// Decodes the start of the stored form of `extent`, or all of it, until `target` is full.
  ///
  /// Where all of it is wanted it must end there, as for the kernel, unless the image says that it
  /// may go on: an extent that is shorter than its data means that others are misplaced too.
  func decode(
    _ stored: RawSpan, _ extent: Extent, of inode: Inode, into target: inout MutableRawSpan
  ) throws(ReadError) {
    let algorithm = key(of: extent).algorithm
    var payload = stored
    var goesOn = extent.isPrefix || UInt64(target.byteCount) < extent.byteCount
    // Only LZ4 was ever stored without padding in front.
    if algorithm != .lz4 || superblock.incompatibleFeatures.contains(.zeroPadding) {
      let limit = min(stored.byteCount, superblock.blockByteCount)
      var start = 0
      while start < limit, stored.byte(at: start) == 0 { start += 1 }
      guard start < limit else {
        throw .format(EROFSError(.badData("nothing but padding"), at: inode.nid))
      }
      payload = stored.extracting(start..<stored.byteCount)
    } else {
      // In that form one that is followed by zeros.
      goesOn = true
    }
    do {
      if algorithm == .lz4 { return try LZ4.decode(payload, into: &target, goesOn: goesOn) }
      let decompressor = decompressors.take()
      defer { decompressors.give(decompressor) }
      try decompressor.decode(payload, by: codec(of: algorithm), into: &target, goesOn: goesOn)
    } catch {
      if error.code == .noMemory { throw .source(SourceError(.ioError, error.description)) }
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
