/// Which blocks were used when: a segmented LRU over the links in the ``SlotTable``.
///
/// A new block starts at the hot end of `probation`; its first use after that moves it to
/// `protected`, which holds at most four fifths of the cache and returns its coldest to probation.
/// So a scan of one-time blocks passes through probation without pushing out what is used again.
/// All calls belong to the writer thread.
struct RecencyList {
  private struct Segment {
    var hottest = SlotTable.none
    var coldest = SlotTable.none
    var count = 0
  }

  /// Marks the `previous` link of a slot in `protected`.
  private static let protectedMark: UInt32 = 0x8000_0000
  /// `previous` of the hottest slot: "none" without the mark's bit.
  private static let end: UInt32 = 0x7FFF_FFFF

  private let table: SlotTable
  private let protectedCountMax: Int
  private var probation = Segment()
  private var protected = Segment()

  init(table: SlotTable) {
    self.table = table
    protectedCountMax = max(1, table.slotCount * 4 / 5)
  }

  /// Slots in the list.
  var count: Int { probation.count + protected.count }

  /// Adds a slot that is not in the list as the hottest of its segment.
  mutating func insert(_ slot: UInt32, protected isProtected: Bool = false) {
    if isProtected {
      Self.push(slot, onto: &protected, mark: Self.protectedMark, table)
      demoteOverflow()
    } else {
      Self.push(slot, onto: &probation, mark: 0, table)
    }
  }

  /// Makes a slot of the list the hottest of all.
  mutating func promote(_ slot: UInt32) {
    remove(slot)
    insert(slot, protected: true)
  }

  /// Makes a slot of the list the hottest of its segment: it cannot be culled now.
  mutating func rotate(_ slot: UInt32) {
    let wasProtected = isProtected(slot)
    remove(slot)
    insert(slot, protected: wasProtected)
  }

  mutating func remove(_ slot: UInt32) {
    if isProtected(slot) {
      Self.unlink(slot, from: &protected, table)
    } else {
      Self.unlink(slot, from: &probation, table)
    }
  }

  func isProtected(_ slot: UInt32) -> Bool {
    table.previous(of: slot) & Self.protectedMark != 0
  }

  /// Calls `body` with the slots from the coldest on, until it returns false or all have been seen.
  func walkColdestFirst(_ body: (UInt32) -> Bool) {
    for segment in [probation, protected] {
      var slot = segment.coldest
      while slot != SlotTable.none {
        guard body(slot) else { return }
        let previous = table.previous(of: slot) & ~Self.protectedMark
        slot = previous == Self.end ? SlotTable.none : previous
      }
    }
  }

  private mutating func demoteOverflow() {
    while protected.count > protectedCountMax {
      let coldest = protected.coldest
      Self.unlink(coldest, from: &protected, table)
      Self.push(coldest, onto: &probation, mark: 0, table)
    }
  }

  private static func push(
    _ slot: UInt32, onto segment: inout Segment, mark: UInt32, _ table: SlotTable
  ) {
    table.setPrevious(end | mark, of: slot)
    table.setNext(segment.hottest, of: slot)
    if segment.hottest == SlotTable.none {
      segment.coldest = slot
    } else {
      table.setPrevious(slot | mark, of: segment.hottest)
    }
    segment.hottest = slot
    segment.count += 1
  }

  private static func unlink(_ slot: UInt32, from segment: inout Segment, _ table: SlotTable) {
    let mark = table.previous(of: slot) & protectedMark
    let previous = table.previous(of: slot) & ~protectedMark
    let next = table.next(of: slot)
    if previous == end { segment.hottest = next } else { table.setNext(next, of: previous) }
    if next == SlotTable.none {
      segment.coldest = previous == end ? SlotTable.none : previous
    } else {
      table.setPrevious(previous | mark, of: next)
    }
    segment.count -= 1
  }
}
