/// Tells who reads small parts of blocks here and there from who reads them one after the other.
///
/// The first is better off with what is asked for and no more, the second with whole blocks.
struct RecentParts {
  /// Few beside the blocks of an image, so that random reads seldom meet.
  private static let count: Int = 64

  private var blocks: [UInt32] = []
  private var next = 0

  /// Notes a small read, of parts of `wanted`; whether one of those blocks or a neighbour of theirs
  /// was among the last.
  mutating func noteNearby(_ wanted: Range<UInt32>) -> Bool {
    let isNearby = blocks.contains { block in
      block &+ 1 >= wanted.lowerBound && block <= wanted.upperBound
    }
    for block in wanted {
      if blocks.count < Self.count {
        blocks.append(block)
      } else {
        blocks[next] = block
        next = (next + 1) % Self.count
      }
    }
    return isNearby
  }
}
