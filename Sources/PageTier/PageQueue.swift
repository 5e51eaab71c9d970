/// A queue of pages, linked through the pages themselves: newest at the head, oldest at the tail.
///
/// Guarded by the tier's lock. All operations are O(1) and allocate nothing.
struct PageQueue {
  /// Which queue a page is in.
  enum Name: UInt8 {
    case none
    /// Pages that were read once since they came.
    case probation
    /// Pages that were read again.
    case protected
  }

  let name: Name
  private(set) var count = 0
  private var head: UInt32 = 0
  private var tail: UInt32 = 0

  init(_ name: Name) {
    self.name = name
  }

  /// The oldest page.
  var last: UInt32? { tail == 0 ? nil : tail - 1 }

  /// Puts `page`, which is in no queue, at the head.
  mutating func insert(_ page: UInt32, in pages: PageElements) {
    pages[page].previous = 0
    pages[page].next = head
    pages[page].queue = name
    if head == 0 { tail = page + 1 } else { pages[head - 1].previous = page + 1 }
    head = page + 1
    count += 1
  }

  /// Takes `page`, which is in this queue, out.
  mutating func remove(_ page: UInt32, in pages: PageElements) {
    let previous = pages[page].previous
    let next = pages[page].next
    if previous == 0 { head = next } else { pages[previous - 1].next = next }
    if next == 0 { tail = previous } else { pages[next - 1].previous = previous }
    pages[page].queue = .none
    count -= 1
  }
}
