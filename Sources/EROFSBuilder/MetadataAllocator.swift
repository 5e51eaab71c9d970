internal import Bytes

/// Finds places for inodes and what trails them, in as few blocks as best fit gets by with.
///
/// Invariant: what fits into a block does not cross into another, so an inode's tail never does.
struct MetadataAllocator {
  /// Inodes start at multiples of this.
  static let slotByteCount = 32

  private let blockByteCount: Int
  /// Ends of used parts, by the count of free slots behind them in their block.
  private var openEnds: [[UInt64]]
  /// Where the next block starts: one past all that was given out, rounded up.
  private(set) var end: UInt64

  /// An allocator of what follows the first `usedByteCount` bytes of the image.
  init(blockByteCount: Int, usedByteCount: UInt64) {
    self.blockByteCount = blockByteCount
    openEnds = Array(repeating: [], count: blockByteCount / Self.slotByteCount)
    end = usedByteCount.roundedUp(toMultipleOf: UInt64(blockByteCount))
    offer(from: usedByteCount.roundedUp(toMultipleOf: UInt64(Self.slotByteCount)), to: end)
  }

  /// A place for `byteCount` bytes.
  mutating func allocate(_ byteCount: Int) -> UInt64 {
    guard byteCount <= blockByteCount else { return allocateBlocks(byteCount) }
    let slots = byteCount.dividedRoundingUp(by: Self.slotByteCount)
    for free in slots..<openEnds.count {
      if let start = openEnds[free].popLast() {
        offer(
          from: start + UInt64(slots * Self.slotByteCount),
          to: start + UInt64(free * Self.slotByteCount))
        return start
      }
    }
    return allocateBlocks(byteCount)
  }

  private mutating func allocateBlocks(_ byteCount: Int) -> UInt64 {
    let start = end
    let used = start + UInt64(byteCount.roundedUp(toMultipleOf: Self.slotByteCount))
    end = used.roundedUp(toMultipleOf: UInt64(blockByteCount))
    offer(from: used, to: end)
    return start
  }

  private mutating func offer(from start: UInt64, to end: UInt64) {
    guard end > start else { return }
    let slots = Int(end - start) / Self.slotByteCount
    if slots < openEnds.count { openEnds[slots].append(start) }
  }
}
