internal import Linux

/// What RAM knows about each slot, and the links of the recency list: tables that never move.
///
/// They are zeroed memory that costs nothing until it is touched, so opening a large cache that is
/// nearly empty is cheap. The writer thread makes them longer, before the number of any new slot is
/// known to another. All of the memory is kept until the array goes.
///
/// Not synchronised: ``SlotTable`` says who may touch what.
@safe
struct SlotArray: ~Copyable, @unchecked Sendable {
  private let slotMemory: ReservedMemory
  private let linkMemory: ReservedMemory
  /// What the array holds; not to be used when the array is gone.
  let elements: SlotElements

  /// An array that holds no slot yet; nil when the process may not have so many addresses.
  init?() {
    let capacity = StoreConfiguration.slotCountMax
    guard let slotMemory = ReservedMemory(byteCount: capacity * MemoryLayout<Slot>.stride),
      let linkMemory = ReservedMemory(byteCount: capacity * MemoryLayout<SlotLinks>.stride)
    else { return nil }
    elements = unsafe SlotElements(
      slots: slotMemory.start.bindMemory(to: Slot.self, capacity: capacity),
      links: linkMemory.start.bindMemory(to: SlotLinks.self, capacity: capacity))
    self.slotMemory = slotMemory
    self.linkMemory = linkMemory
  }

  /// Holds at least `slotCount` slots from now on, the new ones all zeros, which is a free slot
  /// that is in no list; false when memory is short.
  func grow(to slotCount: Int) -> Bool {
    slotMemory.grow(to: slotCount * MemoryLayout<Slot>.stride)
      && linkMemory.grow(to: slotCount * MemoryLayout<SlotLinks>.stride)
  }
}

/// Where the elements of a ``SlotArray`` are.
///
/// A value to be copied: a change of an element is no change of what says where it is, and so the
/// thread sanitizer sees it, which takes any change through a stored value that cannot be copied
/// for one of that value.
@safe
struct SlotElements: @unchecked Sendable {
  private let slots: UnsafeMutablePointer<Slot>
  private let links: UnsafeMutablePointer<SlotLinks>

  @unsafe
  init(slots: UnsafeMutablePointer<Slot>, links: UnsafeMutablePointer<SlotLinks>) {
    unsafe self.slots = slots
    unsafe self.links = links
  }

  /// Slot `slot`, which the array holds.
  subscript(slot: UInt32) -> Slot {
    @inline(__always)
    _read { yield unsafe slots[Int(slot)] }
    @inline(__always)
    nonmutating _modify { yield unsafe &slots[Int(slot)] }
  }

  /// The slot's neighbours in the recency list.
  subscript(links slot: UInt32) -> SlotLinks {
    @inline(__always)
    _read { yield unsafe links[Int(slot)] }
    @inline(__always)
    nonmutating _modify { yield unsafe &links[Int(slot)] }
  }

  /// Has the processor fetch what there is about a slot, while the program goes on.
  func prefetch(_ slot: UInt32) {
    unsafe HeapMemory.prefetch(slots + Int(slot))
    unsafe HeapMemory.prefetch(links + Int(slot))
  }
}

/// The neighbours of a slot in the recency list, towards the hot and the cold end.
struct SlotLinks {
  /// With the list's mark on top, see ``RecencyList``.
  var previous: UInt32
  var next: UInt32
}
