/// Which blocks were used when: a segmented LRU over the links in the ``SlotTable``.
///
/// A new block starts in `probation`; its first use after that moves it to `protected`, which holds
/// all of the cache but a fiftieth and returns its coldest to probation. So a scan of one-time
/// blocks passes through probation without pushing out what is used again.
/// Blocks in `pinned` are kept from culling, whatever their use. All calls belong to the writer
/// thread.
struct RecencyList {
  enum Segment: Int {
    case probation
    case protected
    case pinned
  }

  private struct Chain {
    var hottest = RecencyList.end
    var coldest = RecencyList.end
    var count = 0
  }

  /// "No slot", in 30 bits: the other two of a `previous` link name the segment.
  private static let end: UInt32 = 0x3FFF_FFFF
  private static let segmentShift: UInt32 = 30

  private let table: SlotTable
  private var protectedCountMax: Int
  private var chains: [3 of Chain] = .init(repeating: Chain())

  init(table: SlotTable, slotCount: Int) {
    self.table = table
    protectedCountMax = Self.protectedCountMax(of: slotCount)
  }

  /// Another one after every change of the list.
  private(set) var changeCount: UInt64 = 0

  /// Slots in the list.
  var count: Int { chains[0].count + chains[1].count + chains[2].count }

  /// Slots that are kept from culling.
  var pinnedCount: Int { chains[Segment.pinned.rawValue].count }

  /// Makes the list one for a cache of `slotCount` slots.
  mutating func resize(to slotCount: Int) {
    protectedCountMax = Self.protectedCountMax(of: slotCount)
    demoteOverflow()
  }

  /// Adds a slot that is not in the list as the hottest of its segment.
  mutating func insert(_ slot: UInt32, in segment: Segment = .probation) {
    push(slot, onto: segment)
    if segment == .protected { demoteOverflow() }
  }

  /// Adds a slot that is not in the list as the coldest of all: the first to be culled.
  mutating func insertColdest(_ slot: UInt32) {
    let coldest = chains[Segment.probation.rawValue].coldest
    guard coldest != Self.end else { return push(slot, onto: .probation) }
    changeCount &+= 1
    link(slot, behind: coldest, in: .probation)
    table.setNext(Self.end, of: slot)
    table.setNext(slot, of: coldest)
    chains[Segment.probation.rawValue].coldest = slot
    chains[Segment.probation.rawValue].count += 1
  }

  /// Makes a slot of the list the hottest of all; a pinned one stays pinned.
  mutating func promote(_ slot: UInt32) {
    let isPinned = segment(of: slot) == .pinned
    remove(slot)
    insert(slot, in: isPinned ? .pinned : .protected)
  }

  /// Makes a slot of the list the hottest of its segment: it cannot be culled now.
  mutating func rotate(_ slot: UInt32) {
    let segment = segment(of: slot)
    remove(slot)
    insert(slot, in: segment)
  }

  /// Moves a slot of the list to `segment`, as its hottest.
  mutating func move(_ slot: UInt32, to segment: Segment) {
    remove(slot)
    insert(slot, in: segment)
  }

  mutating func remove(_ slot: UInt32) {
    changeCount &+= 1
    let segment = segment(of: slot)
    let previous = hotter(than: slot)
    let next = table.next(of: slot)
    if previous == Self.end {
      chains[segment.rawValue].hottest = next
    } else {
      table.setNext(next, of: previous)
    }
    if next == Self.end {
      chains[segment.rawValue].coldest = previous
    } else {
      link(next, behind: previous, in: segment)
    }
    chains[segment.rawValue].count -= 1
  }

  func segment(of slot: UInt32) -> Segment {
    Segment(rawValue: Int(table.previous(of: slot) >> Self.segmentShift)) ?? .probation
  }

  /// Calls `body` with the slots that may be culled, from the coldest on, until it returns false or
  /// all have been seen.
  func walkColdestFirst(_ body: (UInt32) -> Bool) {
    if walk(.probation, body) { _ = walk(.protected, body) }
  }

  /// Calls `body` with every slot, pinned ones last.
  func walkAll(_ body: (UInt32) -> Void) {
    for segment in [Segment.probation, .protected, .pinned] {
      _ = walk(segment) { slot in
        body(slot)
        return true
      }
    }
  }

  private func walk(_ segment: Segment, _ body: (UInt32) -> Bool) -> Bool {
    var slot = chains[segment.rawValue].coldest
    while slot != Self.end {
      guard body(slot) else { return false }
      slot = hotter(than: slot)
    }
    return true
  }

  private func hotter(than slot: UInt32) -> UInt32 { table.previous(of: slot) & Self.end }

  private mutating func demoteOverflow() {
    while chains[Segment.protected.rawValue].count > protectedCountMax {
      let coldest = chains[Segment.protected.rawValue].coldest
      remove(coldest)
      push(coldest, onto: .probation)
    }
  }

  private mutating func push(_ slot: UInt32, onto segment: Segment) {
    changeCount &+= 1
    let hottest = chains[segment.rawValue].hottest
    link(slot, behind: Self.end, in: segment)
    table.setNext(hottest, of: slot)
    if hottest == Self.end {
      chains[segment.rawValue].coldest = slot
    } else {
      link(hottest, behind: slot, in: segment)
    }
    chains[segment.rawValue].hottest = slot
    chains[segment.rawValue].count += 1
  }

  private func link(_ slot: UInt32, behind previous: UInt32, in segment: Segment) {
    table.setPrevious(previous | UInt32(segment.rawValue) << Self.segmentShift, of: slot)
  }

  private static func protectedCountMax(of slotCount: Int) -> Int { max(1, slotCount * 49 / 50) }
}
