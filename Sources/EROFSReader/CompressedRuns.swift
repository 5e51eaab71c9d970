internal import Bytes
internal import EROFS

/// Reads of compressed extents, those that are stored next to each other at once.
extension Image {
  /// Reads compressed extent `first` of `extents` and those behind it whose data follows, as far as
  /// `target` wants them and they are not decoded already, with one source read.
  ///
  /// `done` bytes of `target`, whose start is `offset` in the file, are there already. `readsOn`
  /// tells whether the read goes on with another. Returns the position of the extent to go on with.
  func readCompressedRun(
    _ extents: [Extent], from first: Int, at offset: UInt64, of inode: Inode, readsOn: Bool,
    into target: inout MutableRawSpan, _ done: inout Int
  ) throws(ReadError) -> Int {
    let end = offset + UInt64(target.byteCount)
    let start = offset + UInt64(done)
    let extent = extents[first]
    let isPartial = start > extent.fileOffset || extent.fileEnd > end
    if isPartial,
      let cluster = knownCluster(
        for: key(of: extent), byteCount: Int(min(extent.fileEnd, end) - extent.fileOffset))
    {
      copy(cluster, of: extent, at: offset, into: &target, &done)
      return first + 1
    }
    if case .metadata(let space) = extent.place {
      let address = MetadataAddress(space: space, offset: extent.storedOffset)
      let stored = try withMetadata(at: address, byteCount: Int(extent.storedByteCount)) {
        $0.copyBytes()
      }
      try decode(
        extents[first...first], stored.rawSpan, of: inode, at: offset, readsOn: readsOn,
        into: &target, &done)
      return first + 1
    }
    guard case .device(let device) = extent.place else { return first + 1 }

    let next = runEnd(extents, from: first, upTo: end)
    let run = extents[first..<next]
    let last = extents[next - 1]
    let byteCount = Int(last.storedOffset + last.storedByteCount - extent.storedOffset)
    let location = DeviceSet.Location(device: device, offset: extent.storedOffset)
    let devices = self.devices
    if let stored = devices.lentBytes(byteCount, at: location) {
      try decode(run, stored, of: inode, at: offset, readsOn: readsOn, into: &target, &done)
      return next
    }
    let scratch = scratchBuffers.take()
    defer { scratchBuffers.give(scratch) }
    var whole = scratch.mutableBytes
    var stored = whole[bytes: 0..<byteCount]
    try devices.read(into: &stored, at: location)
    try decode(
      run, scratch.bytes.extracting(0..<byteCount), of: inode, at: offset, readsOn: readsOn,
      into: &target, &done)
    return next
  }

  /// One past the last of the extents from `first` on that start below `end` and are stored one
  /// behind the other, as many as one source read may fetch.
  private func runEnd(_ extents: [Extent], from first: Int, upTo end: UInt64) -> Int {
    let extent = extents[first]
    var storedEnd = extent.storedOffset + extent.storedByteCount
    var next = first + 1
    while next < extents.count, extents[next].fileOffset < end {
      let candidate = extents[next]
      guard case .compressed = candidate.kind, candidate.place == extent.place,
        candidate.storedOffset == storedEnd,
        storedEnd + candidate.storedByteCount - extent.storedOffset
          <= UInt64(Self.runByteCountLimit)
      else { break }
      storedEnd += candidate.storedByteCount
      next += 1
    }
    return next
  }

  /// Copies what `target` wants of `extent` from where it is decoded.
  private func copy(
    _ cluster: DecodedCluster, of extent: Extent, at offset: UInt64,
    into target: inout MutableRawSpan, _ done: inout Int
  ) {
    let skipped = Int(offset + UInt64(done) - extent.fileOffset)
    let count = min(Int(extent.byteCount) - skipped, target.byteCount - done)
    target.copy(cluster.bytes.extracting(skipped..<skipped + count), atByteOffset: done)
    done += count
  }

  /// Decodes what `target` wants of `run`, whose stored forms are one behind the other in `stored`.
  ///
  /// What is wanted whole is decoded into `target`. Of the rest, what is decoded is kept: who reads
  /// part of an extent mostly wants more of it soon.
  private func decode(
    _ run: ArraySlice<Extent>, _ stored: RawSpan, of inode: Inode, at offset: UInt64, readsOn: Bool,
    into target: inout MutableRawSpan, _ done: inout Int
  ) throws(ReadError) {
    guard let storedStart = run.first?.storedOffset else { return }
    var position = run.startIndex
    while position < run.endIndex {
      let extent = run[position]
      let from = Int(extent.storedOffset - storedStart)
      let skipped = Int(offset + UInt64(done) - extent.fileOffset)
      if skipped == 0 {
        let count = sharedExtentCount(
          of: run[position...], upTo: offset + UInt64(target.byteCount))
        if count > 0 {
          let shared = run[position..<position + count]
          let byteCount = Int(run[position + count - 1].fileEnd - extent.fileOffset)
          var part = target[bytes: done..<done + byteCount]
          try decodeTogether(
            shared, stored.extracting(from..<stored.byteCount), of: inode, into: &part)
          done += byteCount
          position += count
          continue
        }
      }
      let payload = stored.extracting(from..<from + Int(extent.storedByteCount))
      let byteCount = Int(extent.byteCount)
      let wanted = min(byteCount, skipped + target.byteCount - done)
      if skipped == 0, wanted == byteCount {
        var part = target[bytes: done..<done + byteCount]
        try decode(payload, extent, of: inode, into: &part)
        done += byteCount
      } else {
        let cluster = try cluster(
          payload, extent, of: inode, prefixByteCount: wanted,
          isJump: skipped > 0 || (done == 0 && !readsOn))
        copy(cluster, of: extent, at: offset, into: &target, &done)
      }
      position += 1
    }
  }
}
