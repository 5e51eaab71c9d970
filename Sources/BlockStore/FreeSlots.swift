/// Which slots hold nothing and may be written: one bit a slot.
///
/// Slots are handed out next-fit, so that blocks filled together lie together: their writes merge,
/// and their records share index pages.
struct FreeSlots {
  private var words: [UInt64]
  private(set) var count = 0
  private(set) var slotCount: Int
  private var next = 0

  /// No slot free.
  init(slotCount: Int) {
    self.slotCount = slotCount
    words = [UInt64](repeating: 0, count: (slotCount + 63) / 64)
  }

  /// Adds `slot`, which is not free.
  mutating func insert(_ slot: UInt32) {
    let (word, bit) = Self.place(of: slot)
    precondition(words[word] & bit == 0, "a slot was freed twice")
    words[word] |= bit
    count += 1
  }

  /// Makes this the free ones of `slotCount` slots: those beyond are forgotten, new ones not free.
  mutating func resize(to slotCount: Int) {
    let wordCount = (slotCount + 63) / 64
    if wordCount <= words.count {
      words.removeLast(words.count - wordCount)
      if slotCount % 64 != 0 { words[wordCount - 1] &= (1 << UInt64(slotCount % 64)) - 1 }
    } else {
      words += [UInt64](repeating: 0, count: wordCount - words.count)
    }
    self.slotCount = slotCount
    count = words.reduce(0) { $0 + $1.nonzeroBitCount }
    if next >= slotCount { next = 0 }
  }

  func contains(_ slot: UInt32) -> Bool {
    let (word, bit) = Self.place(of: slot)
    return words[word] & bit != 0
  }

  /// Takes up to `wanted` slots, in the order in which they should be written.
  mutating func take(_ wanted: Int) -> [UInt32] {
    var taken: [UInt32] = []
    taken.reserveCapacity(min(wanted, count))
    while taken.count < wanted, let slot = takeOne() { taken.append(slot) }
    return taken
  }

  private mutating func takeOne() -> UInt32? {
    guard count > 0 else { return nil }
    var word = next / 64
    // The first word counts from the cursor on; it comes round again whole at the end.
    var candidates = words[word] & (UInt64.max << UInt64(next % 64))
    while candidates == 0 {
      word = word + 1 == words.count ? 0 : word + 1
      candidates = words[word]
    }
    let slot = word * 64 + candidates.trailingZeroBitCount
    words[word] &= ~(1 << UInt64(slot % 64))
    count -= 1
    next = slot + 1 == slotCount ? 0 : slot + 1
    return UInt32(slot)
  }

  private static func place(of slot: UInt32) -> (word: Int, bit: UInt64) {
    (Int(slot / 64), 1 << UInt64(slot % 64))
  }
}
