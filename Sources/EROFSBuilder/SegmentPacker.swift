internal import Bytes
internal import Codecs
internal import EROFS
internal import Linux
internal import TreeSources

/// Reads and packs segments, on one thread.
struct SegmentPacker: ~Copyable {
  private let options: BuildOptions
  private let pool: BufferPool
  private var input: [UInt8]
  private var scratch: [UInt8]
  /// The encoder that was used last.
  private var compressor = ClusterCompressor(.fast)

  init(options: BuildOptions, pool: BufferPool, segmentByteCount: Int) {
    self.options = options
    self.pool = pool
    input = [UInt8](repeating: 0, count: segmentByteCount)
    scratch = [UInt8](
      repeating: 0, count: max(options.greatestClusterByteCount, options.blockByteCount))
  }

  private var blockByteCount: Int { options.blockByteCount }

  /// Packs the segments of one job.
  mutating func pack(_ job: [Segment]) throws(BuildError) -> PackedJob {
    var output = pool.take()
    var used = 0
    var packed: [PackedSegment] = []
    packed.reserveCapacity(job.count)
    for segment in job {
      var result = PackedSegment(segment: segment)
      switch segment.treatment {
      case .plain:
        try Self.read(segment, into: &output, at: used)
        try summarize(segment, output.rawSpan.extracting(used..<used + segment.byteCount), &result)
        storePlain(segment, &output, &used, &result)
      case .chunked:
        try Self.read(segment, into: &output, at: used)
        try summarize(segment, output.rawSpan.extracting(used..<used + segment.byteCount), &result)
        storeChunks(segment, &output, &used, &result)
      case .compressed(let settings):
        try Self.read(segment, into: &input, at: 0)
        try summarize(segment, input.rawSpan.extracting(0..<segment.byteCount), &result)
        storeCompressed(segment, settings, &output, &used, &result)
      }
      packed.append(result)
    }
    let hash = XXH64.hash(output.rawSpan.extracting(0..<used))
    return PackedJob(segments: packed, output: output, hash: hash)
  }

  private static func read(
    _ segment: Segment, into buffer: inout [UInt8], at offset: Int
  ) throws(BuildError) {
    try readingSource { () throws(TreeSourceError) in
      let reader = try segment.content.open()
      var span = buffer.mutableRawSpan
      var target = span[bytes: offset..<offset + segment.byteCount]
      try reader.read(into: &target, at: segment.range.lowerBound)
    }
  }

  /// Computes the file's digest, or keeps the bytes for whoever can.
  private func summarize(
    _ segment: Segment, _ bytes: RawSpan, _ result: inout PackedSegment
  ) throws(BuildError) {
    guard segment.needsDigest else { return }
    if segment.isFirst && segment.isLast {
      result.digest = SHA256.digest(of: bytes)
    } else {
      result.original = bytes.copyBytes()
    }
  }

  /// The bytes are in place already; blocks of zeros are squeezed out where they make holes.
  private func storePlain(
    _ segment: Segment, _ output: inout [UInt8], _ used: inout Int, _ result: inout PackedSegment
  ) {
    let start = used
    let granule = 1 << Int(HoleGranule.bits(fileByteCount: segment.fileByteCount, options))
    let end = start + segment.byteCount
    var holes: [Bool] = []
    if segment.fileByteCount > UInt64(granule) {
      for offset in stride(from: start, to: end, by: granule) {
        holes.append(output.rawSpan.extracting(offset..<min(offset + granule, end)).isZero)
      }
    }
    if holes.contains(true) {
      var target = start
      for (index, isHole) in holes.enumerated() where !isHole {
        let source = start + index * granule
        let count = min(granule, end - source)
        if source != target { move(&output, from: source, to: target, count) }
        target += count
      }
      used = target
      result.holes = holes
    } else {
      used = end
    }
    pad(&output, &used)
    result.stored = start..<used
  }

  private func storeChunks(
    _ segment: Segment, _ output: inout [UInt8], _ used: inout Int, _ result: inout PackedSegment
  ) {
    let chunkByteCount = options.chunkByteCount ?? segment.byteCount
    let end = used + segment.byteCount
    for start in stride(from: used, to: end, by: chunkByteCount) {
      let stop = min(start + chunkByteCount, end)
      let digest = Self.digest(ofChunk: output.rawSpan.extracting(start..<stop))
      used = stop
      // Only the last chunk of a file can end within a block, so no neighbour is overwritten.
      pad(&output, &used)
      result.chunks.append(
        PackedChunk(digest: digest, byteCount: stop - start, stored: start..<used))
    }
  }

  /// Nil when the chunk is all zeros.
  private static func digest(ofChunk bytes: RawSpan) -> Digest? {
    bytes.isZero ? nil : SHA256.digest(of: bytes)
  }

  /// Zeros from `used` to the end of its block.
  private func pad(_ output: inout [UInt8], _ used: inout Int) {
    let end = used.roundedUp(toMultipleOf: blockByteCount)
    var span = output.mutableRawSpan
    span.zero(used..<end)
    used = end
  }

  private func move(_ buffer: inout [UInt8], from source: Int, to target: Int, _ count: Int) {
    // The target is below the source, so copying upwards is right where they overlap.
    unsafe buffer.withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      unsafe (base + target).copyMemory(from: base + source, byteCount: count)
    }
  }
}

extension SegmentPacker {
  /// Compresses as much as fits a cluster, as often as it takes; what does not become smaller is
  /// stored as it is, in extents of a block each.
  private mutating func storeCompressed(
    _ segment: Segment, _ settings: CompressionSettings, _ output: inout [UInt8],
    _ used: inout Int, _ result: inout PackedSegment
  ) {
    if let effort = settings.effort, effort != compressor.effort {
      compressor = ClusterCompressor(effort)
    }
    let start = used
    let count = segment.byteCount
    var position = 0
    while position < count {
      let rest = count - position
      if let (consumed, produced) = compress(from: position, rest, segment, settings) {
        let extent = StoredExtent(
          byteCount: consumed, blockCount: produced.dividedRoundingUp(by: blockByteCount),
          isCompressed: true)
        if segment.isLast, consumed == rest, produced <= segment.tailByteCountLimit {
          result.tail = Array(scratch[..<produced])
          result.extents.append(extent)
          break
        }
        let stored = extent.blockCount * blockByteCount
        if stored < consumed {
          append(produced, paddedTo: stored, &output, &used)
          result.extents.append(extent)
          position += consumed
          continue
        }
      }
      if segment.isLast, rest < blockByteCount, rest <= segment.tailByteCountLimit {
        result.tail = Array(input[position..<count])
        result.extents.append(StoredExtent(byteCount: rest, blockCount: 1, isCompressed: false))
        break
      }
      let end = position + min(rest, storedByteCount(settings))
      while position < end {
        let part = min(blockByteCount, end - position)
        var span = output.mutableRawSpan
        span.copy(input.rawSpan.extracting(position..<position + part), atByteOffset: used)
        used += part
        pad(&output, &used)
        result.extents.append(StoredExtent(byteCount: part, blockCount: 1, isCompressed: false))
        position += part
      }
    }
    result.stored = start..<used
    if segment.isFirst && segment.isLast { revertUnlessWorthwhile(&output, &used, &result) }
  }

  /// What is stored as it is where compressing did not help.
  private func storedByteCount(_ settings: CompressionSettings) -> Int {
    switch settings.effort {
    case .zstd: settings.extentByteCount(blockByteCount: blockByteCount)
    default: settings.clusterByteCount
    }
  }

  /// Compresses what follows `position` into the scratch buffer; nil when there is no point.
  private mutating func compress(
    from position: Int, _ rest: Int, _ segment: Segment, _ settings: CompressionSettings
  ) -> (consumed: Int, produced: Int)? {
    guard settings.effort != nil else { return nil }
    let mayBeTail = segment.isLast && segment.tailByteCountLimit > 0
    guard rest > blockByteCount || mayBeTail else { return nil }
    var limit = min(rest, settings.extentByteCountLimit ?? rest)
    var room = settings.clusterByteCount
    if case .zstd = settings.effort {
      limit = min(rest, settings.extentByteCount(blockByteCount: blockByteCount))
      // A block less than it takes as it is, or what fits beside the inode.
      let blocks = (limit - 1).roundedDown(toMultipleOf: blockByteCount)
      room = max(blocks, mayBeTail && limit == rest ? segment.tailByteCountLimit : 0)
    }
    // The span of one property keeps the others from being changed, so both buffers are borrowed.
    let input = input
    var scratch: [UInt8] = []
    swap(&scratch, &self.scratch)
    defer { swap(&scratch, &self.scratch) }
    let source = input.rawSpan.extracting(position..<position + limit)
    var span = scratch.mutableRawSpan
    var target = span[bytes: 0..<room]
    guard let filled = compressor.compress(source, into: &target),
      filled.produced < filled.consumed
    else { return nil }
    return filled
  }

  /// Appends the first `produced` bytes of the scratch buffer behind zeros, `byteCount` in all.
  private func append(
    _ produced: Int, paddedTo byteCount: Int, _ output: inout [UInt8], _ used: inout Int
  ) {
    let padding = byteCount - produced
    var span = output.mutableRawSpan
    span.zero(used..<used + padding)
    span.copy(scratch.rawSpan.extracting(0..<produced), atByteOffset: used + padding)
    used += byteCount
  }

  /// Stores a whole file as it is when compressing it, its map included, saves nothing.
  private func revertUnlessWorthwhile(
    _ output: inout [UInt8], _ used: inout Int, _ result: inout PackedSegment
  ) {
    let count = result.segment.byteCount
    let isPlain = result.extents.allSatisfy { !$0.isCompressed }
    let map = ClusterMapFields(
      blockSizeBits: options.blockSizeBits, fileByteCount: UInt64(count), isCompact: true,
      hasBigClusters: false)
    let compressedByteCount = result.stored.count + result.tail.count + map.byteCount(behind: 0)
    guard isPlain || compressedByteCount >= count else { return }
    used = result.stored.lowerBound
    var span = output.mutableRawSpan
    span.copy(input.rawSpan.extracting(0..<count), atByteOffset: used)
    used += count
    pad(&output, &used)
    result.stored = result.stored.lowerBound..<used
    result.tail = []
    result.extents = []
  }
}

/// The stretches of zeros that plain files have holes for.
enum HoleGranule {
  /// 64 KiB, or more in files so large that their tables would be long, and no less than a block.
  static func bits(fileByteCount: UInt64, _ options: BuildOptions) -> UInt8 {
    var bits = max(16, options.blockSizeBits)
    while fileByteCount >> UInt64(bits) > 1 << 20, bits < 22 { bits += 1 }
    return bits
  }
}

extension RawSpan {
  /// Whether there is nothing but zeros.
  var isZero: Bool {
    var offset = 0
    while offset + 8 <= byteCount {
      if load(fromByteOffset: offset, as: UInt64.self) != 0 { return false }
      offset += 8
    }
    while offset < byteCount {
      if byte(at: offset) != 0 { return false }
      offset += 1
    }
    return true
  }
}
