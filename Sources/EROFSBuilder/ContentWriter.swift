internal import Bytes
internal import Codecs
internal import EROFS
internal import Linux

/// Gives what jobs packed its place, in order, and keeps where every file's content went.
struct ContentWriter: ~Copyable {
  /// What tells chunks apart.
  private struct ChunkKey: Hashable {
    let digest: Digest
    let byteCount: Int
  }

  private let plan: TreePlan
  /// Where the data begins in the file, in bytes.
  private let dataOffset: UInt64
  /// Blocks of data so far; where the next one goes, from the start of the data.
  private(set) var blockCount: UInt64 = 0
  private var placedBlockCount: UInt64 = 0
  private var chunks: [ChunkKey: UInt32] = [:]
  private(set) var records: [ContentRecord]
  private(set) var digests: [Int: Digest] = [:]
  private(set) var summary = BuildSummary()
  private(set) var spill: Spill
  /// Of all that was packed, for an identity of the image.
  private var contentHash = SHA256()

  // What is known of the file whose segments are arriving.
  private var firstBlock: UInt32 = 0
  private var recordOffset: UInt64 = 0
  private var isRaw = true
  private var hasHoles = false
  private var fileHash: SHA256?

  init(_ plan: TreePlan, dataOffset: UInt64, spill: consuming Spill) {
    self.plan = plan
    self.dataOffset = dataOffset
    self.spill = spill
    records = Array(repeating: .empty, count: plan.inodes.count)
  }

  /// Takes contents from `base` that it has already; returns the positions of their inodes.
  ///
  /// Call it before anything is written.
  mutating func takeMatches(
    _ matching: BaseMatching, from base: BaseImage
  ) throws(BuildError) -> Set<Int> {
    var taken: Set<Int> = []
    for (position, match) in matching.matches.sorted(by: { $0.key < $1.key }) {
      guard let record = try record(for: position, from: match.inodes, of: base) else { continue }
      let byteCount = plan.byteCount(ofFileAt: position)
      records[position] = record
      if plan.inodes[position].hasFingerprint { digests[position] = match.digest }
      contentHash.update(match.digest.bytes.rawSpan)
      summary.bytes += byteCount
      summary.dedupSavedBytes += byteCount
      taken.insert(position)
    }
    return taken
  }

  /// What the first of `inodes` says that is of use to the inode at `position`.
  private mutating func record(
    for position: Int, from inodes: [Inode], of base: BaseImage
  ) throws(BuildError) -> ContentRecord? {
    let head = plan.headByteCount(at: position)
    for inode in inodes {
      if let record = try base.record(of: inode, into: &spill),
        plan.fits(record, behind: head, at: position)
      {
        return record
      }
    }
    return nil
  }

  /// The digest of everything that was packed.
  mutating func finishHash() -> Digest {
    var whole = SHA256()
    swap(&whole, &contentHash)
    return whole.finish()
  }

  /// Takes what is worth keeping of `job`; says where in the file it goes.
  mutating func place(_ job: PackedJob) throws(BuildError) -> PlacedJob {
    var word = ByteWriter()
    word.append(job.hash)
    contentHash.update(word.bytes.rawSpan)
    var placed = PlacedJob(output: job.output)
    for segment in job.segments {
      for range in try take(segment, job.output) where !range.isEmpty {
        placed.append(
          range, at: dataOffset + placedBlockCount << UInt64(plan.options.blockSizeBits))
        placedBlockCount += UInt64(range.count / plan.options.blockByteCount)
      }
    }
    return placed
  }

  /// Notes where `segment` goes; returns the parts of the output to keep, in order.
  private mutating func take(
    _ packed: PackedSegment, _ output: [UInt8]
  ) throws(BuildError) -> [Range<Int>] {
    let segment = packed.segment
    if segment.isFirst {
      firstBlock = try address()
      recordOffset = spill.endOffset
      isRaw = true
      hasHoles = false
    }
    takeDigest(packed)
    summary.bytes += UInt64(segment.byteCount)
    switch segment.treatment {
    case .chunked: return try takeChunks(packed)
    case .plain: return try takePlain(packed, output)
    case .compressed(let settings):
      // A whole file that did not become smaller comes without extents.
      guard !packed.extents.isEmpty, let effort = settings.effort else {
        return try takePlain(packed, output)
      }
      return try takeCompressed(packed, output, effort.algorithm)
    }
  }

  private mutating func takeDigest(_ packed: PackedSegment) {
    let segment = packed.segment
    guard segment.needsDigest else { return }
    if let digest = packed.digest {
      digests[segment.inode] = digest
      return
    }
    var hash = fileHash.take() ?? SHA256()
    hash.update(packed.original.rawSpan)
    if segment.isLast { digests[segment.inode] = hash.finish() } else { fileHash = consume hash }
  }

  private mutating func takeChunks(_ packed: PackedSegment) throws(BuildError) -> [Range<Int>] {
    var kept: [Range<Int>] = []
    var table = ByteWriter()
    for chunk in packed.chunks {
      guard let digest = chunk.digest else {
        table.append(UInt32.max)
        continue
      }
      let key = ChunkKey(digest: digest, byteCount: chunk.byteCount)
      if let known = chunks[key] {
        table.append(known)
        summary.dedupSavedBytes += UInt64(chunk.byteCount)
        continue
      }
      let block = try address()
      chunks[key] = block
      table.append(block)
      kept.append(chunk.stored)
      count(storedByteCount: chunk.stored.count, of: chunk.byteCount)
    }
    try spill.append(table.bytes)
    if packed.segment.isLast {
      records[packed.segment.inode] = .chunked(chunkBits: plan.chunkBits, recordRange())
    }
    return kept
  }

  private mutating func takePlain(
    _ packed: PackedSegment, _ output: [UInt8]
  ) throws(BuildError) -> [Range<Int>] {
    let segment = packed.segment
    let bits = HoleGranule.bits(fileByteCount: segment.fileByteCount, plan.options)
    let granuleCount = segment.byteCount.dividedRoundingUp(by: 1 << Int(bits))
    if segment.fileByteCount > 1 << UInt64(bits) {
      let holes =
        packed.holes.isEmpty ? Array(repeating: false, count: granuleCount) : packed.holes
      try spill.append(holes.map { $0 ? 1 : 0 })
    }
    hasHoles = hasHoles || packed.holes.contains(true)
    if segment.isLast, hasHoles {
      records[segment.inode] = .sparse(
        firstBlock: firstBlock, chunkBits: bits, map: recordRange())
    } else if segment.isLast {
      return [try finishPlain(packed, output)]
    }
    count(storedByteCount: packed.stored.count, of: segment.byteCount)
    return [packed.stored]
  }

  /// The last segment of a file in a run of blocks, whose end goes beside the inode if it fits.
  private mutating func finishPlain(
    _ packed: PackedSegment, _ output: [UInt8]
  ) throws(BuildError) -> Range<Int> {
    let segment = packed.segment
    let blockByteCount = plan.options.blockByteCount
    let tailByteCount = Int(segment.fileByteCount % UInt64(blockByteCount))
    let head = plan.headByteCount(at: segment.inode)
    var stored = packed.stored
    var tail: Spill.Range?
    if tailByteCount > 0, head + tailByteCount <= blockByteCount {
      if packed.tail.isEmpty {
        let start = stored.upperBound - blockByteCount
        tail = try spill.append(output.rawSpan.extracting(start..<start + tailByteCount))
        stored = stored.lowerBound..<start
      } else {
        tail = try spill.append(packed.tail)
      }
    }
    records[segment.inode] = .plain(firstBlock: firstBlock, tail: tail)
    count(storedByteCount: stored.count + (tail?.byteCount ?? 0), of: segment.byteCount)
    return stored
  }

  private mutating func takeCompressed(
    _ packed: PackedSegment, _ output: [UInt8], _ algorithm: CompressionAlgorithm
  ) throws(BuildError) -> [Range<Int>] {
    let segment = packed.segment
    isRaw = isRaw && packed.extents.allSatisfy { !$0.isCompressed }
    // Blocks that are stored as they are, from the first to the last, make a plain file.
    if segment.isLast, isRaw { return [try finishPlain(packed, output)] }
    try spill.append(RecordForm.encode(packed.extents))
    count(storedByteCount: packed.stored.count + packed.tail.count, of: segment.byteCount)
    guard segment.isLast else { return [packed.stored] }
    let extents = recordRange()
    let tail = packed.tail.isEmpty ? nil : try spill.append(packed.tail)
    records[segment.inode] = .compressed(
      algorithm, firstBlock: firstBlock, blockCount: try address() - firstBlock, extents: extents,
      tail: tail)
    return [packed.stored]
  }

  private func recordRange() -> Spill.Range {
    Spill.Range(offset: recordOffset, byteCount: Int(spill.endOffset - recordOffset))
  }

  private mutating func count(storedByteCount: Int, of byteCount: Int) {
    let blockByteCount = plan.options.blockByteCount
    blockCount += UInt64(storedByteCount / blockByteCount)
    summary.uniqueBytes += UInt64(byteCount)
    summary.compressedBytes += UInt64(storedByteCount)
  }

  /// Where the next block goes.
  private func address() throws(BuildError) -> UInt32 {
    guard let address = UInt32(exactly: blockCount), address < UInt32.max >> 1 else {
      throw .limit("the contents take more than 2^31 blocks")
    }
    return address
  }
}
