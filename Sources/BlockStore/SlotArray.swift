internal import Linux
internal import Synchronization

/// What RAM knows about each slot, in pieces of 65,536 that never move.
///
/// A piece is zeroed memory that costs nothing until it is touched, so opening a large cache that is
/// nearly empty is cheap. Pieces are added by the writer thread, before the number of any of their
/// slots is known to another. All of the memory is kept until the array goes.
///
/// Not synchronised: ``SlotTable`` says who may touch what.
@safe
struct SlotArray: ~Copyable, @unchecked Sendable {
  @safe
  private struct Piece {
    var slots: UnsafeMutablePointer<Slot>
    var links: UnsafeMutablePointer<SlotLinks>
  }

  private static let pieceBits = 16
  private static let pieceCountMax = StoreConfiguration.slotCountMax >> pieceBits

  private let pieces: UnsafeMutablePointer<Piece>
  private let pieceCount = Atomic(0)

  /// An array that holds no slot yet.
  init() {
    unsafe pieces = .allocate(capacity: Self.pieceCountMax)
  }

  deinit {
    for index in 0..<pieceCount.load(ordering: .relaxed) {
      unsafe ZeroedMemory.deallocate(pieces[index].slots)
      unsafe ZeroedMemory.deallocate(pieces[index].links)
    }
    unsafe pieces.deallocate()
  }

  /// Holds at least `slotCount` slots from now on, the new ones all zeros; false when memory is
  /// short.
  func grow(to slotCount: Int) -> Bool {
    let count = 1 << Self.pieceBits
    for index in pieceCount.load(ordering: .relaxed)..<Self.pieceCountMax
    where index << Self.pieceBits < slotCount {
      // All zeros are a free slot that is in no list.
      guard let slots = unsafe ZeroedMemory.allocate(Slot.self, count: count) else { return false }
      guard let links = unsafe ZeroedMemory.allocate(SlotLinks.self, count: count) else {
        unsafe ZeroedMemory.deallocate(slots)
        return false
      }
      let piece = unsafe Piece(slots: slots, links: links)
      unsafe (pieces + index).initialize(to: piece)
      pieceCount.store(index + 1, ordering: .releasing)
    }
    return true
  }

  /// Slot `slot`, which the array holds.
  subscript(slot: UInt32) -> Slot {
    @inline(__always)
    _read {
      let index = Int(slot)
      yield unsafe pieces[index >> Self.pieceBits].slots[index & Self.indexMask]
    }
    @inline(__always)
    nonmutating _modify {
      let index = Int(slot)
      yield unsafe &pieces[index >> Self.pieceBits].slots[index & Self.indexMask]
    }
  }

  /// The slot's neighbours in the recency list.
  subscript(links slot: UInt32) -> SlotLinks {
    @inline(__always)
    _read {
      let index = Int(slot)
      yield unsafe pieces[index >> Self.pieceBits].links[index & Self.indexMask]
    }
    @inline(__always)
    nonmutating _modify {
      let index = Int(slot)
      yield unsafe &pieces[index >> Self.pieceBits].links[index & Self.indexMask]
    }
  }

  private static let indexMask = (1 << pieceBits) - 1
}

/// The neighbours of a slot in the recency list, towards the hot and the cold end.
struct SlotLinks {
  /// With the list's mark on top, see ``RecencyList``.
  var previous: UInt32
  var next: UInt32
}
