internal import Bytes
internal import EROFS
internal import Linux

/// Maps of compressed files with a table of extents.
extension Image {
  /// The map of `inode`, whose header is at `headerAddress`.
  func recordMap(
    of inode: Inode, _ header: ClusterMapHeader, _ headerAddress: MetadataAddress,
    _ recordByteCount: Int, _ recordCount: UInt64
  ) throws(ReadError) -> ClusterMap {
    let isUniform = recordByteCount <= 8
    let count =
      isUniform
      ? inode.byteCount.dividedRoundingUp(by: 1 << UInt64(header.clusterBits)) : recordCount
    var table = try decoding { () throws(EROFSError) in
      try headerAddress.advanced(by: 8).aligned(to: UInt64(recordByteCount))
    }
    var firstAddress: UInt64?
    if recordByteCount == 4 {
      firstAddress = try withMetadata(at: table, byteCount: 8) { bytes in
        bytes.load(fromByteOffset: 0)
      }
      table = try decoding { () throws(EROFSError) in try table.advanced(by: 8) }
    }
    let (tableByteCount, overflow) = count.multipliedReportingOverflow(by: UInt64(recordByteCount))
    let tableEnd = try decoding { () throws(EROFSError) in
      try table.advanced(by: overflow ? .max : tableByteCount)
    }
    guard count > 0, tableEnd.offset <= (try byteCount(of: table.space)) else {
      throw .format(EROFSError(.outOfBounds("extent map"), at: inode.nid))
    }
    return ClusterMap(
      inode: inode, header: header, form: .records(byteCount: recordByteCount), table: table,
      count: count, tail: nil, firstAddress: firstAddress)
  }

  /// The record for `fileOffset`.
  func recordIndex(
    of map: ClusterMap, containing fileOffset: UInt64
  ) throws(ReadError) -> UInt64 {
    guard case .records(let byteCount) = map.form, byteCount > 8 else {
      return fileOffset >> UInt64(map.header.clusterBits)
    }
    var low: UInt64 = 0
    var high = map.count
    while low < high {
      let middle = low + (high - low) / 2
      let record = try records(of: map, from: middle, count: 1, byteCount)[0]
      if record.fileOffset <= fileOffset { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? 0 : low - 1
  }

  private func records(
    of map: ClusterMap, from first: UInt64, count: Int, _ recordByteCount: Int
  ) throws(ReadError) -> [EncodedExtent] {
    let address = try decoding { () throws(EROFSError) in
      try map.table.advanced(by: first * UInt64(recordByteCount))
    }
    return try withMetadata(at: address, byteCount: count * recordByteCount) { bytes in
      (0..<count).map {
        EncodedExtent(
          decoding: bytes, at: $0 * recordByteCount, recordByteCount: recordByteCount)
      }
    }
  }

  /// The extents of the records in stretch `segment` of the table.
  func recordedExtents(
    of map: ClusterMap, segment: UInt64, recordByteCount: Int
  ) throws(ReadError) -> [Extent] {
    let first = segment * ClusterMap.recordCountPerSegment
    guard first < map.count else { return [] }
    let count = min(ClusterMap.recordCountPerSegment, map.count - first)
    // One more, for where the last extent ends.
    let readCount = min(count + 1, map.count - first)
    let records = try self.records(
      of: map, from: first, count: Int(readCount), recordByteCount)
    var address = recordByteCount == 4 ? try dataAddress(of: map, segment: segment) : 0
    var extents: [Extent] = []
    extents.reserveCapacity(Int(count))
    for position in 0..<Int(count) {
      let record = records[position]
      let number = first + UInt64(position)
      let isUniform = recordByteCount <= 8
      let bits = UInt64(map.header.clusterBits)
      let start = isUniform ? number << bits : record.fileOffset
      let isLast = number == map.count - 1
      let end =
        isLast
        ? map.inode.byteCount
        : isUniform ? (number + 1) << bits : records[position + 1].fileOffset
      guard start < end, end <= map.inode.byteCount, number > 0 || start == 0 else {
        throw .format(
          EROFSError(.badExtent("extent from \(start) to \(end)"), at: map.inode.nid))
      }
      extents.append(
        try extent(
          record, of: map, from: start, to: end, isLast: isLast,
          address: recordByteCount == 4 ? address : record.address))
      address &+= UInt64(record.byteCount)
    }
    return extents
  }

  private func extent(
    _ record: EncodedExtent, of map: ClusterMap, from start: UInt64, to end: UInt64,
    isLast: Bool, address: UInt64
  ) throws(ReadError) -> Extent {
    if isLast, map.header.fragmentOffset != nil {
      return Extent(
        kind: .fragment, fileOffset: start, byteCount: end - start, place: .metadata(.packed),
        storedOffset: UInt64(record.sizeField) | UInt64(record.addressLow) << 32,
        storedByteCount: end - start)
    }
    if record.byteCount == 0 { return .hole(at: start, byteCount: end - start) }
    let storedByteCount = UInt64(record.byteCount)
    let (location, encoding) = try decoding { () throws(EROFSError) in
      (
        try devices.locate(storedByteCount, device: 0, offset: address),
        try record.encoding(nid: map.inode.nid)
      )
    }
    let kind: Extent.Kind
    switch encoding {
    case .plain:
      // Rotation works on whole blocks; anything else stands as it is, whatever the header says.
      let isAligned = (address | storedByteCount) % UInt64(superblock.blockByteCount) == 0
      kind = map.header.isInterlaced && isAligned ? .interlaced : .plain
    case .compressed(let algorithm): kind = .compressed(algorithm)
    }
    let extent = Extent(
      kind: kind, fileOffset: start, byteCount: end - start, place: .device(location.device),
      storedOffset: location.offset, storedByteCount: storedByteCount, isPrefix: record.isPartial)
    try check(extent, of: map.inode)
    return extent
  }

  /// Where the data of stretch `segment` of a table of 4-byte records starts: behind all before.
  private func dataAddress(of map: ClusterMap, segment: UInt64) throws(ReadError) -> UInt64 {
    guard let addresses = map.segmentAddresses else { return 0 }
    var known = addresses.withLock { $0 }
    while UInt64(known.count) <= segment {
      let first = UInt64(known.count - 1) * ClusterMap.recordCountPerSegment
      let stretch = try records(
        of: map, from: first, count: Int(ClusterMap.recordCountPerSegment), 4)
      known.append(
        stretch.reduce(known[known.count - 1]) { $0 &+ UInt64($1.byteCount) })
    }
    let sums = known
    addresses.withLock { if $0.count < sums.count { $0 = sums } }
    return sums[Int(segment)]
  }
}
