internal import Bytes

/// The names of blocks that were culled lately after a single use: who fills such a block again
/// wants it more than once.
///
/// As many as half of the slots, those that came last, in 4 bytes a slot. They lie in sets of eight
/// with 20 bits of each name, so a name may be forgotten early or, seldom, be taken for another one,
/// which costs no more than a place in the order of use. All calls belong to the writer thread.
///
/// Source: the ghost queues of 2Q (Johnson and Shasha, VLDB '94) and S3-FIFO (Yang et al., SOSP
/// '23).
struct GhostList {
  private static let wayCount = 8
  /// A name is as old as the number of these parts of a list that have come since.
  private static let partCount = 64
  private static let ageBits: UInt32 = 12
  private static let ageMask: UInt32 = 1 << ageBits - 1

  /// The upper bits of a name, and when it came; 0 is vacant.
  private var entries: [UInt32]
  private let partNameCount: UInt64
  private var addedCount: UInt64 = 0

  /// An empty list for a cache of `slotCount` slots.
  init(slotCount: Int) {
    let capacity = max(Self.partCount, slotCount / 2)
    partNameCount = UInt64(capacity / Self.partCount)
    // Sets are filled unevenly, so there is room for twice as many.
    entries = Array(repeating: 0, count: (capacity * 2).roundedUp(toMultipleOf: Self.wayCount))
  }

  /// Whether no block was ever culled for want of room.
  var isEmpty: Bool { addedCount == 0 }

  /// Adds the name of a block, in place of the oldest of its set.
  mutating func add(handle: UInt32, block: UInt32) {
    let (start, tag) = place(handle, block)
    addedCount += 1
    var oldest = start
    for way in start..<start + Self.wayCount where age(of: entries[way]) > age(of: entries[oldest])
    {
      oldest = way
    }
    entries[oldest] = tag << Self.ageBits | now
  }

  /// Whether the block's name is in the list; it is not from then on.
  mutating func take(handle: UInt32, block: UInt32) -> Bool {
    let (start, tag) = place(handle, block)
    for way in start..<start + Self.wayCount {
      let entry = entries[way]
      guard entry >> Self.ageBits == tag, age(of: entry) <= Self.partCount else { continue }
      entries[way] = 0
      return true
    }
    return false
  }

  /// The part of the list that comes now, from 1 on.
  private var now: UInt32 {
    UInt32(addedCount / partNameCount % UInt64(Self.ageMask)) + 1
  }

  /// In parts of a list; more than any other for a vacant entry.
  private func age(of entry: UInt32) -> Int {
    let then = entry & Self.ageMask
    guard then > 0 else { return Int.max }
    let now = now
    return Int(now >= then ? now - then : now + Self.ageMask - then)
  }

  private func place(_ handle: UInt32, _ block: UInt32) -> (start: Int, tag: UInt32) {
    var hash = (UInt64(handle) << 32 | UInt64(block)) &* 0x9E37_79B9_7F4A_7C15
    hash = (hash ^ hash >> 32) &* 0xD6E8_FEB8_6659_FD93
    let setCount = UInt64(entries.count / Self.wayCount)
    let set = hash.multipliedFullWidth(by: setCount).high
    return (Int(set) * Self.wayCount, UInt32(truncatingIfNeeded: hash & 0xFFFFF))
  }
}
