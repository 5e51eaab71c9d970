internal import Linux

/// Finds pages by what they hold: chains of pages whose samples hash alike.
///
/// Guarded by the tier's lock. Expected O(1), and never more than ``chainLengthMax`` comparisons of
/// pages, however many of one sample a hostile image makes.
@safe
struct ContentIndex: ~Copyable, @unchecked Sendable {
  /// Longer than any chain of a table that is no fuller than this one gets, but for those that
  /// somebody crafted.
  static let chainLengthMax = 12

  private let memory: ReservedMemory
  private let heads: UnsafeMutablePointer<UInt32>
  private let mask: Int

  /// An index for some `pageCount` pages; nil when the process may not have so many addresses.
  init?(pageCount: Int) {
    var cellCount = 1024
    while cellCount < pageCount { cellCount *= 2 }
    let byteCount = cellCount * MemoryLayout<UInt32>.stride
    guard let memory = ReservedMemory(byteCount: byteCount, prefersHugePages: false),
      memory.grow(to: byteCount)
    else { return nil }
    unsafe heads = memory.start.bindMemory(to: UInt32.self, capacity: cellCount)
    mask = cellCount - 1
    self.memory = memory
  }

  /// What a look-up came to.
  enum Finding {
    case found(UInt32)
    case absent
    /// The chain is as long as chains may be: what was not found is not to be put in either.
    case crowded
  }

  /// Looks for a page with `sample` in `domain` for which `isEqual` holds.
  func find(
    sample: UInt64, domain: UInt16, in pages: PageElements, where isEqual: (UInt32) -> Bool
  ) -> Finding {
    var candidate = unsafe heads[cell(of: sample)]
    var linkCount = 0
    while candidate != 0 {
      let page = candidate - 1
      if pages[page].sample == sample, pages[page].domain == domain, isEqual(page) {
        return .found(page)
      }
      candidate = pages[page].nextOfSample
      linkCount += 1
      if linkCount == Self.chainLengthMax { return .crowded }
    }
    return .absent
  }

  /// Puts `page`, whose sample is set, first in its chain.
  func insert(_ page: UInt32, in pages: PageElements) {
    let cell = cell(of: pages[page].sample)
    pages[page].nextOfSample = unsafe heads[cell]
    unsafe heads[cell] = page + 1
  }

  /// Takes `page` out of its chain.
  func remove(_ page: UInt32, in pages: PageElements) {
    let cell = cell(of: pages[page].sample)
    let next = pages[page].nextOfSample
    if unsafe heads[cell] == page + 1 {
      unsafe heads[cell] = next
      return
    }
    var before = unsafe heads[cell]
    while before != 0 {
      if pages[before - 1].nextOfSample == page + 1 {
        pages[before - 1].nextOfSample = next
        return
      }
      before = pages[before - 1].nextOfSample
    }
  }

  private func cell(of sample: UInt64) -> Int {
    Int(truncatingIfNeeded: sample >> 20) & mask
  }
}
