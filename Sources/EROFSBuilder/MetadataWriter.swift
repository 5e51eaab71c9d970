internal import Bytes
internal import Codecs
internal import EROFS
internal import Linux
internal import TreeSources

/// Writes inodes and all that is not content, once it is known where contents are.
struct MetadataWriter: ~Copyable {
  /// Records of the spill that are looked at in one go.
  private static let recordBatchCount = 1 << 16

  private let plan: TreePlan
  private let layout: MetadataLayout
  private let records: [ContentRecord]
  private let digests: [Int: Digest]
  /// The block that the data begins with.
  private let dataBlock: UInt32
  /// The address of the base's first block, and the inodes whose contents are there.
  private let baseBlock: UInt32
  private let baseContents: Set<Int>
  private var hash = SHA256()
  // Each goes forward but for what fills gaps.
  private var inodeBuffer = WriteBuffer()
  private var blockBuffer = WriteBuffer()
  private var window = Spill.Window()

  init(
    _ plan: TreePlan, _ layout: MetadataLayout, records: [ContentRecord], digests: [Int: Digest],
    baseBlock: UInt32, baseContents: Set<Int>
  ) {
    self.baseBlock = baseBlock
    self.baseContents = baseContents
    self.plan = plan
    self.layout = layout
    self.records = records
    self.digests = digests
    dataBlock = UInt32(layout.end >> UInt64(plan.options.blockSizeBits))
  }

  /// Writes everything to `file`; returns the digest of it.
  consuming func write(
    to file: borrowing FileDescriptor, reading spill: borrowing Spill
  ) throws(BuildError) -> Digest {
    for position in plan.inodes.indices {
      if plan.inodes[position].treatment == nil {
        try writeSmall(position, to: file)
      } else {
        try writeRegular(position, to: file, reading: spill)
      }
    }
    let shared = plan.sharedAttributes.bytes
    hash.update(shared.rawSpan)
    do throws(SystemError) {
      try inodeBuffer.flush(to: file)
      try blockBuffer.flush(to: file)
      try file.write(shared.rawSpan, at: layout.sharedOffset)
    } catch {
      throw .output(error)
    }
    return hash.finish()
  }

  /// Writes a part of an inode and what trails it.
  private mutating func put(
    _ bytes: [UInt8], at offset: UInt64, to file: borrowing FileDescriptor
  ) throws(BuildError) {
    hash.update(bytes.rawSpan)
    do throws(SystemError) {
      try inodeBuffer.put(bytes, at: offset, to: file)
    } catch {
      throw .output(error)
    }
  }

  /// Writes the blocks of a directory or symbolic link.
  private mutating func putBlocks(
    _ bytes: [UInt8], at block: UInt32, to file: borrowing FileDescriptor
  ) throws(BuildError) {
    hash.update(bytes.rawSpan)
    do throws(SystemError) {
      try blockBuffer.put(
        bytes, at: UInt64(block) << UInt64(plan.options.blockSizeBits), to: file)
    } catch {
      throw .output(error)
    }
  }

  /// What the blocks of a content record count from.
  private func origin(of position: Int) -> UInt32 {
    baseContents.contains(position) ? baseBlock : dataBlock
  }

  /// The inode and its attributes.
  private func head(
    _ position: Int, _ layout: DataLayout, byteCount: UInt64, union: UInt32
  ) -> ByteWriter {
    let inode = plan.inodes[position]
    let node = plan.node(at: position)
    let attributes = plan.attributes(at: position, digest: digests[position])
    var fields = InodeFields(
      isExtended: inode.isExtended, dataLayout: layout, mode: node.mode,
      userID: plan.options.userID ?? node.userID, groupID: plan.options.groupID ?? node.groupID,
      linkCount: inode.linkCount, byteCount: byteCount, modificationTime: plan.time(of: node),
      serialNumber: UInt32(position + 1), attributeByteCount: attributes.byteCount)
    fields.union = union
    var writer = ByteWriter(reservingCapacity: 256)
    fields.encode(into: &writer)
    attributes.encode(into: &writer)
    return writer
  }

  /// Directories, symbolic links, special files and empty ones.
  private mutating func writeSmall(
    _ position: Int, to file: borrowing FileDescriptor
  ) throws(BuildError) {
    let (byteCount, blockCount, tailByteCount) = plan.smallContent(at: position)
    let content: [UInt8]
    var union = layout.blocks[position] ?? (tailByteCount > 0 ? UInt32.max : 0)
    switch plan.node(at: position).content {
    case .directory:
      let entries = plan.entries(ofDirectoryAt: position).map { entry in
        DirectoryEntry(
          nid: layout.nid(of: entry.position), name: entry.name,
          typeHint: FileType(mode: plan.node(at: entry.position).mode))
      }
      content = plan.inodes[position].packing?.encode(entries) ?? []
    case .symbolicLink(let target): content = target
    case .device(let number):
      content = []
      union = number.encoded
    case .regular, .nothing: content = []
    }
    var writer = head(
      position, tailByteCount > 0 ? .inline : .plain, byteCount: UInt64(byteCount), union: union)
    let blockPart = byteCount - tailByteCount
    writer.append(Array(content[blockPart...]))
    try put(writer.bytes, at: layout.inodeOffsets[position], to: file)
    if blockCount > 0, let block = layout.blocks[position] {
      try putBlocks(Array(content[..<blockPart]), at: block, to: file)
    }
  }

  private mutating func writeRegular(
    _ position: Int, to file: borrowing FileDescriptor, reading spill: borrowing Spill
  ) throws(BuildError) {
    let byteCount = plan.byteCount(ofFileAt: position)
    let offset = layout.inodeOffsets[position]
    switch records[position] {
    case .empty:
      try put(
        head(position, .plain, byteCount: byteCount, union: 0).bytes, at: offset, to: file)
    case .plain(let firstBlock, let tail):
      let hasBlocks = byteCount > UInt64(tail?.byteCount ?? 0)
      var writer = head(
        position, tail == nil ? .plain : .inline, byteCount: byteCount,
        union: hasBlocks ? origin(of: position) + firstBlock : UInt32.max)
      if let tail { writer.append(try spill.read(tail, by: &window)) }
      try put(writer.bytes, at: offset, to: file)
    case .sparse(let firstBlock, let chunkBits, let map):
      try writeSparse(position, firstBlock, chunkBits, map, to: file, reading: spill)
    case .chunked(let chunkBits, let table):
      try writeChunked(position, chunkBits, table, to: file, reading: spill)
    case .compressed(let algorithm, let firstBlock, let blockCount, let extents, let tail):
      let head = head(
        position,
        plan.clusterMap(fileByteCount: byteCount).isCompact
          ? .compressedCompact : .compressedFull, byteCount: byteCount, union: blockCount)
      try writeMap(
        head, position, algorithm, firstBlock, extents, tail: tail, to: file, reading: spill)
    }
  }

  /// The inode of a chunked file up to its table, which is to be filled.
  private func chunkedHead(
    _ position: Int, _ chunkBits: UInt8
  ) -> (writer: ByteWriter, table: ChunkTableFields) {
    let byteCount = plan.byteCount(ofFileAt: position)
    let table = plan.chunkTable(chunkBits, byteCount)
    var writer = head(
      position, .chunked, byteCount: byteCount,
      union: table.format(blockSizeBits: plan.options.blockSizeBits))
    table.encodePadding(into: &writer, at: UInt64(writer.bytes.count))
    return (writer, table)
  }

  private mutating func writeSparse(
    _ position: Int, _ firstBlock: UInt32, _ chunkBits: UInt8, _ map: Spill.Range,
    to file: borrowing FileDescriptor, reading spill: borrowing Spill
  ) throws(BuildError) {
    var (writer, table) = chunkedHead(position, chunkBits)
    var block = origin(of: position) + firstBlock
    for isHole in try spill.read(map, by: &window) {
      if isHole == 1 {
        table.encode(.hole, into: &writer)
      } else {
        table.encode(.block(UInt64(block), device: 0), into: &writer)
        block += 1 << UInt32(chunkBits - plan.options.blockSizeBits)
      }
    }
    try put(writer.bytes, at: layout.inodeOffsets[position], to: file)
  }

  private mutating func writeChunked(
    _ position: Int, _ chunkBits: UInt8, _ records: Spill.Range, to file: borrowing FileDescriptor,
    reading spill: borrowing Spill
  ) throws(BuildError) {
    var (writer, table) = chunkedHead(position, chunkBits)
    let bytes = try spill.read(records, by: &window)
    for index in 0..<bytes.count / RecordForm.chunkByteCount {
      let block: UInt32 = bytes.rawSpan.load(fromByteOffset: index * RecordForm.chunkByteCount)
      table.encode(
        block == .max ? .hole : .block(UInt64(origin(of: position) + block), device: 0),
        into: &writer)
    }
    try put(writer.bytes, at: layout.inodeOffsets[position], to: file)
  }

  /// Appends the map of a compressed file, as much at a time as memory is worth.
  private mutating func writeMap(
    _ head: ByteWriter, _ position: Int, _ algorithm: CompressionAlgorithm, _ firstBlock: UInt32,
    _ extents: Spill.Range, tail: Spill.Range?, to file: borrowing FileDescriptor,
    reading spill: borrowing Spill
  ) throws(BuildError) {
    var offset = layout.inodeOffsets[position]
    let map = plan.clusterMap(
      fileByteCount: plan.byteCount(ofFileAt: position), inlineByteCount: tail?.byteCount ?? 0,
      algorithm: algorithm)
    let headEnd = offset + UInt64(head.bytes.count)
    var writer = head
    map.encodeHeader(into: &writer, at: headEnd)
    var block = origin(of: position) + firstBlock
    var encoder = ClusterIndexEncoder(
      map: map, tableOffset: map.tableOffset(behind: headEnd), firstBlock: block)
    let count = extents.byteCount / RecordForm.extentByteCount
    for start in stride(from: 0, to: count, by: Self.recordBatchCount) {
      let batchCount = min(Self.recordBatchCount, count - start)
      let bytes = try spill.read(
        Spill.Range(
          offset: extents.offset + UInt64(start * RecordForm.extentByteCount),
          byteCount: batchCount * RecordForm.extentByteCount), by: &window)
      for index in 0..<batchCount {
        let extent = RecordForm.extent(at: index, in: bytes.rawSpan)
        encoder.append(extent, at: block, into: &writer)
        block += UInt32(extent.blockCount)
      }
      if start + batchCount < count {
        try put(writer.bytes, at: offset, to: file)
        offset += UInt64(writer.bytes.count)
        writer = ByteWriter()
      }
    }
    encoder.finish(into: &writer)
    if let tail { writer.append(try spill.read(tail, by: &window)) }
    try put(writer.bytes, at: offset, to: file)
  }
}
