internal import Bytes
internal import EROFS

/// Reads the indexes of one map, a batch at a time.
private struct IndexCursor {
  /// Full indexes a batch.
  private static let batchCount: UInt64 = 512

  let image: Image
  let nid: UInt64
  let form: ClusterMap.Form
  let table: MetadataAddress
  let count: UInt64
  private var batch: [ClusterIndex] = []
  private var batchStart: UInt64 = 0

  init(
    image: Image, nid: UInt64, form: ClusterMap.Form, table: MetadataAddress, count: UInt64
  ) {
    self.image = image
    self.nid = nid
    self.form = form
    self.table = table
    self.count = count
  }

  /// The index of `cluster`, which is below `count`.
  mutating func index(of cluster: UInt64) throws(ReadError) -> ClusterIndex {
    if cluster < batchStart || cluster - batchStart >= UInt64(batch.count) {
      try fill(from: cluster)
    }
    return batch[Int(cluster - batchStart)]
  }

  /// The last of the packs from `first` on that are a batch: of one segment, and of one kind.
  private func lastPack(
    of compact: CompactIndexes, behind first: CompactIndexes.Pack
  ) -> CompactIndexes.Pack {
    let segment = first.firstCluster / ClusterMap.indexCountPerSegment
    var last = first
    while true {
      let cluster = last.firstCluster + UInt64(last.indexCount)
      guard cluster < count, cluster / ClusterMap.indexCountPerSegment == segment,
        cluster - first.firstCluster < Self.batchCount
      else { return last }
      let next = compact.pack(of: cluster)
      guard next.byteCount == first.byteCount else { return last }
      last = next
    }
  }

  private mutating func fill(from cluster: UInt64) throws(ReadError) {
    // The memory of the last batch.
    var indexes: [ClusterIndex] = []
    swap(&indexes, &batch)
    indexes.removeAll(keepingCapacity: true)
    let nid = self.nid
    switch form {
    case .compactIndexes(let compact):
      let first = compact.pack(of: cluster)
      let last = lastPack(of: compact, behind: first)
      let address = try decoding { () throws(EROFSError) in
        try table.advanced(by: first.offset)
      }
      let byteCount = Int(last.offset - first.offset) + last.byteCount
      try image.withMetadata(at: address, byteCount: byteCount) { bytes throws(ReadError) in
        try decoding { () throws(EROFSError) in
          indexes.reserveCapacity(Int(last.firstCluster - first.firstCluster) + last.indexCount)
          var pack = first
          while true {
            let start = Int(pack.offset - first.offset)
            try compact.decode(
              bytes.extracting(start..<start + pack.byteCount), of: pack, nid: nid,
              into: &indexes)
            if pack == last { break }
            pack = compact.pack(of: pack.firstCluster + UInt64(pack.indexCount))
          }
        }
      }
      batchStart = first.firstCluster
    default:
      // Aligned, for the search for a tail goes backwards.
      let first = cluster.roundedDown(toMultipleOf: Self.batchCount)
      let batchCount = Int(min(Self.batchCount, count - first))
      let address = try decoding { () throws(EROFSError) in
        try table.advanced(by: first * UInt64(FullIndexes.recordByteCount))
      }
      let byteCount = batchCount * FullIndexes.recordByteCount
      try image.withMetadata(at: address, byteCount: byteCount) { bytes throws(ReadError) in
        try decoding { () throws(EROFSError) in
          indexes.reserveCapacity(batchCount)
          for position in 0..<batchCount {
            indexes.append(try FullIndexes.index(at: position, in: bytes, nid: nid))
          }
        }
      }
      batchStart = first
    }
    batch = indexes
  }
}

/// Maps of compressed files with an index for every logical cluster.
extension Image {
  /// The map of `inode`, whose header is at `headerAddress`; finds its tail, if it has one.
  func indexedMap(
    of inode: Inode, _ header: ClusterMapHeader, _ headerAddress: MetadataAddress
  ) throws(ReadError) -> ClusterMap {
    let count = inode.byteCount.dividedRoundingUp(by: 1 << UInt64(header.clusterBits))
    let form: ClusterMap.Form
    let table: MetadataAddress
    let tableByteCount: UInt64
    switch header.form {
    case .compactIndexes(let isDense):
      table = try decoding { () throws(EROFSError) in try headerAddress.advanced(by: 8) }
      let compact = CompactIndexes(
        tableOffset: table.offset, clusterCount: count, clusterBits: header.clusterBits,
        isDense: isDense, hasBigClusters: header.hasBigClusters1)
      form = .compactIndexes(compact)
      let lastPack = compact.pack(of: count - 1)
      tableByteCount = lastPack.offset + UInt64(lastPack.byteCount)
    default:
      // Eight unused bytes follow the header here.
      table = try decoding { () throws(EROFSError) in try headerAddress.advanced(by: 16) }
      form = .fullIndexes
      tableByteCount = count * UInt64(FullIndexes.recordByteCount)
    }
    let tableEnd = try decoding { () throws(EROFSError) in
      try table.advanced(by: tableByteCount)
    }
    guard tableEnd.offset <= (try byteCount(of: table.space)) else {
      throw .format(EROFSError(.outOfBounds("extent map"), at: inode.nid))
    }
    var tail: Extent?
    if header.fragmentOffset != nil || header.inlineByteCount > 0 {
      var cursor = IndexCursor(
        image: self, nid: inode.nid, form: form, table: table, count: count)
      tail = try findTail(of: inode, header, &cursor, tableEnd)
    }
    return ClusterMap(
      inode: inode, header: header, form: form, table: table, count: count, tail: tail)
  }

  /// The extent that holds the last byte of `inode`, whose data is not in a cluster of its own.
  private func findTail(
    of inode: Inode, _ header: ClusterMapHeader, _ cursor: inout IndexCursor,
    _ tableEnd: MetadataAddress
  ) throws(ReadError) -> Extent {
    var cluster = cursor.count - 1
    while true {
      let index = try cursor.index(of: cluster)
      if !index.isHead {
        guard index.headDistance > 0, UInt64(index.headDistance) <= cluster else {
          throw .format(EROFSError(.badExtent("cluster without a head"), at: inode.nid))
        }
        cluster -= UInt64(index.headDistance)
        continue
      }
      let start = try fileOffset(of: index, cluster, inode, header)
      if start < inode.byteCount {
        let length = inode.byteCount - start
        if let low = header.fragmentOffset {
          let high: UInt64 = if case .fullIndexes = cursor.form { UInt64(index.block) } else { 0 }
          return Extent(
            kind: .fragment, fileOffset: start, byteCount: length, place: .metadata(.packed),
            storedOffset: UInt64(low) | high << 32, storedByteCount: length)
        }
        return try inlineCluster(of: inode, header, index, from: start, at: tableEnd)
      }
      // A mark of the file's end; the last extent is the one before.
      guard cluster > 0 else {
        throw .format(EROFSError(.badExtent("end mark first"), at: inode.nid))
      }
      cluster -= 1
    }
  }

  private func inlineCluster(
    of inode: Inode, _ header: ClusterMapHeader, _ index: ClusterIndex, from start: UInt64,
    at address: MetadataAddress
  ) throws(ReadError) -> Extent {
    let blockByteCount = UInt64(superblock.blockByteCount)
    let storedByteCount = UInt64(header.inlineByteCount)
    guard address.offset % blockByteCount + storedByteCount <= blockByteCount else {
      throw .format(EROFSError(.badExtent("inline data crosses a block"), at: inode.nid))
    }
    // Uncompressed inline data is never rotated, even where the header says so of the file.
    let algorithm = try self.algorithm(of: index, header, inode)
    let extent = Extent(
      kind: algorithm.map { .compressed($0) } ?? .inline, fileOffset: start,
      byteCount: inode.byteCount - start, place: .metadata(address.space),
      storedOffset: address.offset, storedByteCount: storedByteCount, isPrefix: index.isPartial)
    try check(extent, of: inode)
    return extent
  }

  /// Where the extent that `index` opens starts in the file.
  private func fileOffset(
    of index: ClusterIndex, _ cluster: UInt64, _ inode: Inode, _ header: ClusterMapHeader
  ) throws(ReadError) -> UInt64 {
    guard index.clusterOffset < 1 << Int(header.clusterBits),
      cluster > 0 || index.clusterOffset == 0
    else {
      throw .format(
        EROFSError(.badExtent("head at \(index.clusterOffset) in its cluster"), at: inode.nid))
    }
    let start = (cluster << UInt64(header.clusterBits)) + UInt64(index.clusterOffset)
    guard start <= inode.byteCount else {
      throw .format(EROFSError(.badExtent("head behind the end of the file"), at: inode.nid))
    }
    return start
  }

  /// The algorithm that compressed the extent `index` opens; nil when none did.
  private func algorithm(
    of index: ClusterIndex, _ header: ClusterMapHeader, _ inode: Inode
  ) throws(ReadError) -> CompressionAlgorithm? {
    if index.kind == .plain { return nil }
    let number = header.algorithms[index.kind == .head2 ? 1 : 0]
    guard let algorithm = CompressionAlgorithm(rawValue: number) else {
      throw .format(EROFSError(.badExtent("algorithm \(number)"), at: inode.nid))
    }
    return algorithm
  }

  /// The extents whose heads are in stretch `segment` of the map; the last may reach beyond it.
  func indexedExtents(of map: ClusterMap, segment: UInt64) throws(ReadError) -> [Extent] {
    let inode = map.inode
    var cursor = IndexCursor(
      image: self, nid: inode.nid, form: map.form, table: map.table, count: map.count)
    var cluster = segment * ClusterMap.indexCountPerSegment
    let limit = min(cluster + ClusterMap.indexCountPerSegment, map.count)
    let spanLimit =
      UInt64(CompressionConfiguration.decodedByteCountLimit) >> UInt64(map.header.clusterBits)
    var extents: [Extent] = []
    var open: OpenExtent?
    while cluster < map.count {
      let index = try cursor.index(of: cluster)
      if index.isHead {
        let start = try fileOffset(of: index, cluster, inode, map.header)
        if let open { try close(open, at: min(start, map.bodyEnd), map, &extents) }
        open = nil
        if cluster >= limit || start >= map.bodyEnd { return extents }
        open = OpenExtent(head: index, cluster: cluster, fileOffset: start)
      } else if cluster == 0 {
        throw .format(EROFSError(.badExtent("first cluster has no head"), at: inode.nid))
      } else if let head = open {
        if cluster == head.cluster + 1 { open?.continuation = index }
        guard cluster - head.cluster <= spanLimit + 1 else {
          throw .format(EROFSError(.badExtent("endless extent"), at: inode.nid))
        }
      } else if cluster >= limit {
        return extents
      }
      cluster += 1
    }
    if let open { try close(open, at: map.bodyEnd, map, &extents) }
    return extents
  }

  /// An extent whose end is not known yet.
  private struct OpenExtent {
    var head: ClusterIndex
    var cluster: UInt64
    var fileOffset: UInt64
    /// The index behind the head, when it is no head itself.
    var continuation: ClusterIndex?
  }

  /// Appends the extent `open`, which ends at `end` in the file.
  private func close(
    _ open: OpenExtent, at end: UInt64, _ map: ClusterMap, _ extents: inout [Extent]
  ) throws(ReadError) {
    let inode = map.inode
    func bad(_ reason: String) -> ReadError {
      .format(EROFSError(.badExtent(reason), at: inode.nid))
    }
    let isBig =
      open.head.kind == .head1 ? map.header.hasBigClusters1 : map.header.hasBigClusters2
    var blockCount = 1
    if let continuation = open.continuation {
      if isBig {
        guard let count = continuation.blockCount else { throw bad("no block count") }
        guard count > 0 else {
          throw .format(EROFSError(.unsupported("sparse clusters"), at: inode.nid))
        }
        blockCount = count
      } else if continuation.blockCount != nil, !map.header.hasBigClusters1,
        !map.header.hasBigClusters2
      {
        throw bad("block count in a file without big clusters")
      }
    }
    let algorithm = try self.algorithm(of: open.head, map.header, inode)
    let plainKind: Extent.Kind = map.header.isInterlaced ? .interlaced : .plain
    let storedByteCount = UInt64(blockCount) << UInt64(superblock.blockSizeBits)
    let location = try decoding { () throws(EROFSError) in
      try devices.locate(
        storedByteCount, device: 0,
        offset: UInt64(open.head.block) << UInt64(superblock.blockSizeBits))
    }
    let extent = Extent(
      kind: algorithm.map { .compressed($0) } ?? plainKind, fileOffset: open.fileOffset,
      byteCount: end - open.fileOffset, place: .device(location.device),
      storedOffset: location.offset, storedByteCount: storedByteCount,
      isPrefix: open.head.isPartial)
    try check(extent, of: inode)
    extents.append(extent)
  }
}
