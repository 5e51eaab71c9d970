internal import Linux
internal import Synchronization

/// What the tier knows about its pages: two tables that never move, 16 and 32 bytes a page.
///
/// Zeroed memory that costs nothing until it is touched; a zeroed page is free.
@safe
struct PageArray: ~Copyable, @unchecked Sendable {
  private let cellMemory: ReservedMemory
  private let linkMemory: ReservedMemory
  /// What the array holds; not to be used when the array is gone.
  let elements: PageElements

  /// An array of `count` pages; nil when the process may not have so many addresses.
  init?(count: Int) {
    let cellByteCount = count * MemoryLayout<PageCell>.stride
    let linkByteCount = count * MemoryLayout<PageLinks>.stride
    guard let cellMemory = ReservedMemory(byteCount: cellByteCount, prefersHugePages: false),
      let linkMemory = ReservedMemory(byteCount: linkByteCount, prefersHugePages: false),
      cellMemory.grow(to: cellByteCount), linkMemory.grow(to: linkByteCount)
    else { return nil }
    elements = unsafe PageElements(
      cells: cellMemory.start.bindMemory(to: PageCell.self, capacity: count),
      links: linkMemory.start.bindMemory(to: PageLinks.self, capacity: count))
    self.cellMemory = cellMemory
    self.linkMemory = linkMemory
  }
}

/// What readers look at: one load finds state and place.
///
/// `location`, `byteCount` and `volume` change only under the tier's lock while nobody has a pin.
struct PageCell: ~Copyable {
  let state: Atomic<UInt64>
  /// The frame of a hot page, or where a compressed one starts in the log, see ``CompressedLog``.
  var location: UInt32
  /// Of what LZ4 made of the page, if the log has that.
  var byteCount: UInt16
  /// Whom the page is charged to: the volume that brought it in.
  var volume: UInt16
}

/// What only the holder of the tier's lock looks at.
struct PageLinks {
  /// What ``PageContent`` made of the bytes.
  var sample: UInt64
  /// The next page in the chain of ``ContentIndex``, plus one.
  var nextOfSample: UInt32
  /// Neighbours in a ``PageQueue``, plus one; the free list uses `next`.
  var previous: UInt32
  var next: UInt32
  /// Where in the log a hot page is too, plus one: it need not be compressed again.
  var copy: UInt32
  /// How many file maps name the page.
  var referenceCount: UInt32
  /// The domain in which it may be shared.
  var domain: UInt16
  var queue: PageQueue.Name
}

/// Where the elements of a ``PageArray`` are.
///
/// A value to be copied, so that the thread sanitizer sees a change of an element for what it is.
@safe
struct PageElements: @unchecked Sendable {
  private let cells: UnsafeMutablePointer<PageCell>
  private let links: UnsafeMutablePointer<PageLinks>

  @unsafe
  init(cells: UnsafeMutablePointer<PageCell>, links: UnsafeMutablePointer<PageLinks>) {
    unsafe self.cells = cells
    unsafe self.links = links
  }

  @inline(__always)
  func state(_ page: UInt32) -> PageState {
    PageState(rawValue: unsafe cells[Int(page)].state.load(ordering: .acquiring))
  }

  /// Makes `old` into `new`, unless somebody changed it meanwhile.
  @inline(__always)
  func change(_ page: UInt32, from old: PageState, to new: PageState) -> Bool {
    unsafe cells[Int(page)].state.compareExchange(
      expected: old.rawValue, desired: new.rawValue, ordering: .acquiringAndReleasing
    ).exchanged
  }

  /// The state, of a page that no reader can reach.
  func publish(_ page: UInt32, as state: PageState) {
    unsafe cells[Int(page)].state.store(state.rawValue, ordering: .releasing)
  }

  /// Pins the page that `reference` names, and counts a use if `isUse`; nil when it cannot be read,
  /// because it is gone or moving.
  @inline(__always)
  func pin(_ reference: PageReference, isUse: Bool) -> PageState? {
    let cell = unsafe cells + Int(reference.page)
    var old = PageState(rawValue: unsafe cell.pointee.state.load(ordering: .relaxed))
    while true {
      guard old.generation == reference.generation, old.isReadable else { return nil }
      let (done, seen) = unsafe cell.pointee.state.weakCompareExchange(
        expected: old.rawValue, desired: (isUse ? old.read : old.pinned).rawValue,
        successOrdering: .acquiring, failureOrdering: .relaxed)
      if done { return old }
      old = PageState(rawValue: seen)
    }
  }

  @inline(__always)
  func unpin(_ page: UInt32) {
    unsafe cells[Int(page)].state.subtract(PageState.pin, ordering: .releasing)
  }

  subscript(location page: UInt32) -> UInt32 {
    @inline(__always) get { unsafe cells[Int(page)].location }
    nonmutating set { unsafe cells[Int(page)].location = newValue }
  }

  subscript(byteCount page: UInt32) -> Int {
    get { Int(unsafe cells[Int(page)].byteCount) }
    nonmutating set { unsafe cells[Int(page)].byteCount = UInt16(newValue) }
  }

  subscript(volume page: UInt32) -> UInt16 {
    @inline(__always) get { unsafe cells[Int(page)].volume }
    nonmutating set { unsafe cells[Int(page)].volume = newValue }
  }

  /// For the holder of the tier's lock.
  subscript(page: UInt32) -> PageLinks {
    @inline(__always)
    _read { yield unsafe links[Int(page)] }
    @inline(__always)
    nonmutating _modify { yield unsafe &links[Int(page)] }
  }
}
