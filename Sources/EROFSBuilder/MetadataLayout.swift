internal import Bytes
internal import EROFS
internal import TreeSources

/// Where everything but the contents of files goes: inodes and what trails them, then extended
/// attributes that are shared, then the blocks of directories and long symbolic links.
struct MetadataLayout {
  /// The offset of every inode, in bytes.
  private(set) var inodeOffsets: [UInt64] = []
  /// Where the shared attributes start, a multiple of the block size.
  private(set) var sharedOffset: UInt64 = 0
  /// The first block of every directory and symbolic link that has blocks.
  private(set) var blocks: [Int: UInt32] = [:]
  /// Where the data may begin, a multiple of the block size.
  private(set) var end: UInt64 = 0

  /// A layout of the plan's inodes, whose contents are where `record` says.
  ///
  /// Without `records` contents are taken to be as they mostly are: compressed where they may be,
  /// and without holes.
  init(
    _ plan: TreePlan, records: [ContentRecord]?, firstOffset: Int
  ) throws(BuildError) {
    let blockByteCount = plan.options.blockByteCount
    var allocator = MetadataAllocator(
      blockByteCount: blockByteCount, usedByteCount: UInt64(firstOffset))
    inodeOffsets.reserveCapacity(plan.inodes.count)
    for position in plan.inodes.indices {
      inodeOffsets.append(
        allocator.allocate(plan.byteCount(ofInodeAt: position, record: records?[position])))
    }
    sharedOffset = allocator.end
    end =
      sharedOffset
      + UInt64(plan.sharedAttributes.bytes.count.roundedUp(toMultipleOf: blockByteCount))
    for position in plan.inodes.indices {
      let count = plan.smallContent(at: position).blockCount
      guard count > 0 else { continue }
      guard let block = UInt32(exactly: end / UInt64(blockByteCount)) else {
        throw .limit("the metadata takes more than 2^32 blocks")
      }
      blocks[position] = block
      end += UInt64(count * blockByteCount)
    }
  }

  /// Lets the data begin at `offset` when that is behind the metadata, but not far behind: by 1/256
  /// of the `dataByteCount` bytes at most.
  mutating func extend(to offset: UInt64, dataByteCount: UInt64) {
    if offset >= end, offset - end <= dataByteCount / 256 { end = offset }
  }

  /// The number of the inode at `position`.
  func nid(of position: Int) -> UInt64 {
    inodeOffsets[position] / UInt64(MetadataAllocator.slotByteCount)
  }
}

extension TreePlan {
  /// How the content of a directory or symbolic link is split between blocks and inode.
  func smallContent(at position: Int) -> (byteCount: Int, blockCount: Int, tailByteCount: Int) {
    let byteCount: Int
    switch node(at: position).content {
    case .directory: byteCount = Int(inodes[position].packing?.byteCount ?? 0)
    case .symbolicLink(let target): byteCount = target.count
    default: return (0, 0, 0)
    }
    let blockByteCount = options.blockByteCount
    let tail = byteCount % blockByteCount
    guard tail > 0, headByteCount(at: position) + tail <= blockByteCount else {
      return (byteCount, byteCount.dividedRoundingUp(by: blockByteCount), 0)
    }
    return (byteCount, byteCount / blockByteCount, tail)
  }

  /// What an inode takes with all that trails it.
  func byteCount(ofInodeAt position: Int, record: ContentRecord?) -> Int {
    let head = headByteCount(at: position)
    guard let treatment = inodes[position].treatment else {
      return head + smallContent(at: position).tailByteCount
    }
    let fileByteCount = byteCount(ofFileAt: position)
    switch record ?? expectedRecord(treatment, head, fileByteCount) {
    case .empty: return head
    case .plain(_, let tail): return head + (tail?.byteCount ?? 0)
    case .sparse(_, let chunkBits, _):
      return head
        + chunkTable(chunkBits, fileByteCount).byteCount(behind: UInt64(head))
    case .chunked(let chunkBits, _):
      return head
        + chunkTable(chunkBits, fileByteCount).byteCount(behind: UInt64(head))
    case .compressed(_, _, _, _, let tail):
      return head + clusterMap(fileByteCount: fileByteCount).byteCount(behind: UInt64(head))
        + (tail?.byteCount ?? 0)
    }
  }

  private func expectedRecord(
    _ treatment: Treatment, _ head: Int, _ fileByteCount: UInt64
  ) -> ContentRecord {
    switch treatment {
    case .chunked: return .chunked(chunkBits: chunkBits, .empty)
    case .compressed:
      return .compressed(.lz4, firstBlock: 0, blockCount: 0, extents: .empty, tail: nil)
    case .plain:
      let tail = Int(fileByteCount % UInt64(options.blockByteCount))
      let fits = tail > 0 && head + tail <= options.blockByteCount
      return .plain(
        firstBlock: 0, tail: fits ? Spill.Range(offset: 0, byteCount: tail) : nil)
    }
  }

  /// Whether a tail that lay beside another inode has room beside this one.
  func fits(_ record: ContentRecord, behind head: Int, at position: Int) -> Bool {
    let hasTail =
      switch record {
      case .plain(_, let tail), .compressed(_, _, _, _, let tail): tail != nil
      default: false
      }
    return !hasTail
      || byteCount(ofInodeAt: position, record: record) <= options.blockByteCount
  }

  /// The size of chunks, as a power of two.
  var chunkBits: UInt8 {
    UInt8((options.chunkByteCount ?? options.blockByteCount).trailingZeroBitCount)
  }

  func chunkTable(_ chunkBits: UInt8, _ fileByteCount: UInt64) -> ChunkTableFields {
    ChunkTableFields(chunkBits: chunkBits, hasDevices: false, fileByteCount: fileByteCount)
  }
}
