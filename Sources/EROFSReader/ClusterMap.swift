internal import Bytes
package import EROFS
internal import Linux

/// The map of one compressed file, as far as it is known without its indexes or records.
///
/// The rest is decoded in segments: a fixed number of indexes or records each, so that a file of
/// any size costs memory only for the parts that are read.
final class ClusterMap: Sendable {
  /// Where the extents come from.
  enum Form {
    /// Nothing but the last extent.
    case tailOnly
    case fullIndexes
    case compactIndexes(CompactIndexes)
    /// Records of this length.
    case records(byteCount: Int)
  }

  /// Indexes a segment; 1024 cover 4 MiB of a file with blocks of 4 KiB.
  static let indexCountPerSegment: UInt64 = 1024
  /// Records a segment.
  static let recordCountPerSegment: UInt64 = 512
  /// The most extents that are kept with the map.
  static let bodyExtentCountLimit = 64

  /// The last extent, where it is stored apart from the others.
  let tail: ExtentSegment?
  /// The extents of all indexes or records, once they are known and where they are few.
  let body: ExtentSegment?
  let inode: Inode
  let header: ClusterMapHeader
  let form: Form
  /// Where the first index or record is.
  let table: MetadataAddress
  /// How many indexes or records there are.
  let count: UInt64
  /// Where the data of each segment of 4-byte records starts, as far as that was summed up; nil
  /// where every record has an address.
  let segmentAddresses: Lock<[UInt64]>?

  init(
    inode: Inode, header: ClusterMapHeader, form: Form, table: MetadataAddress, count: UInt64,
    tail: Extent?, firstAddress: UInt64? = nil
  ) {
    self.inode = inode
    self.header = header
    self.form = form
    self.table = table
    self.count = count
    self.tail = tail.map { ExtentSegment(extents: [$0]) }
    body = nil
    segmentAddresses = firstAddress.map { Lock([$0]) }
  }

  /// `map` with the extents of all of its indexes or records.
  init(_ map: ClusterMap, body: ExtentSegment) {
    inode = map.inode
    header = map.header
    form = map.form
    table = map.table
    count = map.count
    tail = map.tail
    segmentAddresses = map.segmentAddresses
    self.body = body
  }

  /// What keeping the map costs, in the space of an inode and a map without extents.
  var cost: Int { 1 + (body?.cost ?? 0) / 256 }

  /// Whether all indexes or records are one segment.
  var hasOneSegment: Bool {
    switch form {
    case .tailOnly: true
    case .fullIndexes, .compactIndexes: count <= Self.indexCountPerSegment
    case .records: count <= Self.recordCountPerSegment
    }
  }

  /// Where the extents of indexes and records end: the tail's start, or the end of the file.
  var bodyEnd: UInt64 { tail?.extents.first?.fileOffset ?? inode.byteCount }
}

/// Successive extents of one file, without gaps; those that start in one stretch of its map.
struct ExtentSegment: Sendable {
  let extents: [Extent]

  /// What keeping the segment costs, in bytes.
  var cost: Int { 128 + extents.count * MemoryLayout<Extent>.stride }

  /// The position of the extent that holds `fileOffset`, if it is here.
  func position(of fileOffset: UInt64) -> Int? {
    var low = 0
    var high = extents.count
    while low < high {
      let middle = (low + high) / 2
      if extents[middle].fileOffset <= fileOffset { low = middle + 1 } else { high = middle }
    }
    guard low > 0, fileOffset < extents[low - 1].fileEnd else { return nil }
    return low - 1
  }
}

/// Which segment of which file.
struct ExtentSegmentKey: Hashable, Sendable {
  var nid: UInt64
  var index: UInt64
}

extension Image {
  /// The map of `inode`, whose layout is one of the compressed ones and whose size is not 0.
  func clusterMap(of inode: Inode) throws(ReadError) -> ClusterMap {
    if let map = clusterMaps.value(for: inode.nid) { return map }
    let (header, headerAddress) = try clusterMapHeader(of: inode)
    let map: ClusterMap
    switch header.form {
    case .wholeFragment(let offset):
      let whole = Extent(
        kind: .fragment, fileOffset: 0, byteCount: inode.byteCount, place: .metadata(.packed),
        storedOffset: offset, storedByteCount: inode.byteCount)
      map = ClusterMap(
        inode: inode, header: header, form: .tailOnly, table: headerAddress, count: 0, tail: whole)
    case .fullIndexes, .compactIndexes:
      map = try indexedMap(of: inode, header, headerAddress)
    case .extents(let recordByteCount, let count):
      map = try recordMap(of: inode, header, headerAddress, recordByteCount, count)
    }
    clusterMaps.insert(map, for: inode.nid, cost: map.cost)
    return map
  }

  private func clusterMapHeader(
    of inode: Inode
  ) throws(ReadError) -> (header: ClusterMapHeader, address: MetadataAddress) {
    let address = try decoding { () throws(EROFSError) in
      try inode.trailerAddress().aligned(to: 8)
    }
    let superblock = self.superblock
    let header = try withMetadata(at: address, byteCount: ClusterMapHeader.byteCount) {
      bytes throws(ReadError) in
      try decoding { () throws(EROFSError) in
        try ClusterMapHeader(decoding: bytes, of: inode, superblock: superblock)
      }
    }
    return (header, address)
  }

  /// Whether the map of `inode`, whose layout is compressed, is a table of extents; false when its
  /// header cannot be read.
  package func hasExtentTable(_ inode: Inode) -> Bool {
    guard let header = try? clusterMapHeader(of: inode).header else { return false }
    if case .extents = header.form { return true }
    return false
  }

  /// The segment of `map` that holds `fileOffset`, and which of its extents does.
  func segment(
    of map: ClusterMap, containing fileOffset: UInt64
  ) throws(ReadError) -> (ExtentSegment, Int) {
    if let tail = map.tail, let position = tail.position(of: fileOffset) {
      return (tail, position)
    }
    if let body = map.body, let position = body.position(of: fileOffset) {
      return (body, position)
    }
    var index = try segmentIndex(of: map, containing: fileOffset)
    // The extent may start in an earlier stretch than the cluster that holds the byte.
    let clusterLimit = UInt64(CompressionConfiguration.decodedByteCountLimit) >> 9
    var attempts = clusterLimit / ClusterMap.indexCountPerSegment + 2
    while attempts > 0 {
      let segment = try self.segment(of: map, index)
      if let position = segment.position(of: fileOffset) { return (segment, position) }
      guard segment.extents.isEmpty || segment.extents[0].fileOffset > fileOffset, index > 0 else {
        break
      }
      index -= 1
      attempts -= 1
    }
    throw .format(EROFSError(.badExtent("no extent at \(fileOffset)"), at: map.inode.nid))
  }

  private func segmentIndex(
    of map: ClusterMap, containing fileOffset: UInt64
  ) throws(ReadError) -> UInt64 {
    switch map.form {
    case .tailOnly:
      throw .format(EROFSError(.badExtent("no extent at \(fileOffset)"), at: map.inode.nid))
    case .fullIndexes, .compactIndexes:
      return (fileOffset >> UInt64(map.header.clusterBits)) / ClusterMap.indexCountPerSegment
    case .records:
      return try recordIndex(of: map, containing: fileOffset) / ClusterMap.recordCountPerSegment
    }
  }

  /// Segment `index` of `map`, decoded unless it is still known.
  func segment(of map: ClusterMap, _ index: UInt64) throws(ReadError) -> ExtentSegment {
    if index == 0, let body = map.body { return body }
    let key = ExtentSegmentKey(nid: map.inode.nid, index: index)
    if let segment = segments.value(for: key) { return segment }
    let extents: [Extent]
    switch map.form {
    case .tailOnly: extents = []
    case .fullIndexes, .compactIndexes: extents = try indexedExtents(of: map, segment: index)
    case .records(let byteCount):
      extents = try recordedExtents(of: map, segment: index, recordByteCount: byteCount)
    }
    let segment = ExtentSegment(extents: extents)
    // Most files are small, and one look-up finds all about them.
    if map.hasOneSegment, extents.count <= ClusterMap.bodyExtentCountLimit {
      let whole = ClusterMap(map, body: segment)
      clusterMaps.insert(whole, for: map.inode.nid, cost: whole.cost)
    } else {
      segments.insert(segment, for: key, cost: segment.cost)
    }
    return segment
  }

  /// Checks what the format and this reader demand of an extent, whatever the map's form.
  func check(_ extent: Extent, of inode: Inode) throws(ReadError) {
    func bad(_ reason: String) -> ReadError {
      .format(EROFSError(.badExtent(reason), at: inode.nid))
    }
    switch extent.kind {
    case .hole, .fragment: return
    case .plain, .inline, .interlaced:
      guard extent.byteCount <= extent.storedByteCount else {
        throw bad("uncompressed extent is longer than its data")
      }
    case .compressed(let algorithm):
      guard superblock.compression.allows(algorithm) else {
        throw bad("\(algorithm.name) is not declared")
      }
      guard extent.byteCount <= UInt64(CompressionConfiguration.decodedByteCountLimit) else {
        throw bad("extent of \(extent.byteCount) bytes")
      }
    }
    guard extent.storedByteCount <= UInt64(CompressionConfiguration.encodedByteCountLimit) else {
      throw bad("extent of \(extent.storedByteCount) stored bytes")
    }
  }
}
