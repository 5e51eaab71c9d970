internal import Synchronization

/// Which pages of one file the tier holds: a tree of ``PageReference``s, 64 to a node.
///
/// Readers walk it without a lock; the holder of the tier's lock changes it. Nodes stay until the
/// map goes, so a reader that holds the map may walk on. A file of no more than 64 pages is one node
/// that is as long as the file. Nothing is allocated before there is something to say.
@safe
final class FileMap: @unchecked Sendable {
  private static let fanoutBits: UInt64 = 6
  private static let fanout = 64

  let pageCount: UInt64
  /// Levels above the leaves.
  private let height: Int
  private let rootCount: Int
  /// The address of the root; 0 before it was made.
  private let root = Atomic<UInt64>(0)
  /// What the nodes take; read and written under the tier's lock.
  private(set) var byteCount = 0

  /// An empty map of a file of `pageCount` pages, at least 1.
  init(pageCount: UInt64) {
    precondition(pageCount > 0, "a file without pages needs no map")
    self.pageCount = pageCount
    var height = 0
    while (pageCount - 1) >> (Self.fanoutBits * UInt64(height + 1)) > 0 { height += 1 }
    self.height = height
    rootCount = Int((pageCount - 1) >> (Self.fanoutBits * UInt64(height))) + 1
  }

  deinit {
    guard let root = unsafe Self.node(root.load(ordering: .relaxed)) else { return }
    unsafe Self.free(root, count: rootCount, height: height)
  }

  /// What the map says about page `index`, which the file has.
  @inline(__always)
  func reference(at index: UInt64) -> PageReference {
    unsafe PageReference(rawValue: cell(of: index)?.pointee.load(ordering: .acquiring) ?? 0)
  }

  /// Tier's lock held: says `reference` about page `index`.
  func set(_ reference: PageReference, at index: UInt64) {
    let cell = unsafe cellMade(for: index)
    unsafe cell.pointee.store(reference.rawValue, ordering: .releasing)
  }

  /// Tier's lock held: forgets everything, telling `forget` of each entry.
  func removeAll(_ forget: (PageReference) -> Void) {
    guard let root = unsafe Self.node(root.load(ordering: .relaxed)) else { return }
    unsafe Self.removeAll(root, count: rootCount, height: height, forget)
  }

  /// How many entries `isWanted` holds for; nodes that were never made are not looked at.
  func count(where isWanted: (PageReference) -> Bool) -> Int {
    guard let root = unsafe Self.node(root.load(ordering: .acquiring)) else { return 0 }
    return unsafe Self.count(root, count: rootCount, height: height, isWanted)
  }

  @inline(__always)
  private func cell(of index: UInt64) -> UnsafeMutablePointer<Atomic<UInt64>>? {
    guard var node = unsafe Self.node(root.load(ordering: .acquiring)) else { return nil }
    var level = UInt64(height)
    while level > 0 {
      let slot = Int(index >> (Self.fanoutBits * level) & 63)
      guard let child = unsafe Self.node(node[slot].load(ordering: .acquiring)) else { return nil }
      unsafe node = unsafe child
      level -= 1
    }
    return unsafe node + Int(index & 63)
  }

  private func cellMade(for index: UInt64) -> UnsafeMutablePointer<Atomic<UInt64>> {
    precondition(index < pageCount, "the file has no such page")
    var node = unsafe nodeMade(at: root, count: rootCount)
    var level = UInt64(height)
    while level > 0 {
      let slot = Int(index >> (Self.fanoutBits * level) & 63)
      unsafe node = unsafe nodeMade(at: node[slot], count: Self.fanout)
      level -= 1
    }
    return unsafe node + Int(index & 63)
  }

  /// The node whose address is at `place`, made if there is none.
  private func nodeMade(
    at place: borrowing Atomic<UInt64>, count: Int
  ) -> UnsafeMutablePointer<Atomic<UInt64>> {
    if let known = unsafe Self.node(place.load(ordering: .relaxed)) { return unsafe known }
    let made = unsafe Self.makeNode(count: count)
    byteCount += count * 8
    place.store(UInt64(UInt(bitPattern: made)), ordering: .releasing)
    return unsafe made
  }

  @inline(__always)
  private static func node(_ address: UInt64) -> UnsafeMutablePointer<Atomic<UInt64>>? {
    unsafe UnsafeMutablePointer(bitPattern: UInt(address))
  }

  private static func makeNode(count: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    let node = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: count)
    for slot in 0..<count { unsafe (node + slot).initialize(to: Atomic(0)) }
    return unsafe node
  }

  private static func free(
    _ node: UnsafeMutablePointer<Atomic<UInt64>>, count: Int, height: Int
  ) {
    if height > 0 {
      for slot in 0..<count {
        if let child = unsafe Self.node(node[slot].load(ordering: .relaxed)) {
          unsafe free(child, count: fanout, height: height - 1)
        }
      }
    }
    unsafe node.deinitialize(count: count)
    unsafe node.deallocate()
  }

  private static func count(
    _ node: UnsafeMutablePointer<Atomic<UInt64>>, count: Int, height: Int,
    _ isWanted: (PageReference) -> Bool
  ) -> Int {
    var sum = 0
    for slot in 0..<count {
      let word = unsafe node[slot].load(ordering: .acquiring)
      if height == 0 {
        if isWanted(PageReference(rawValue: word)) { sum += 1 }
      } else if let child = unsafe Self.node(word) {
        sum += unsafe Self.count(child, count: fanout, height: height - 1, isWanted)
      }
    }
    return sum
  }

  private static func removeAll(
    _ node: UnsafeMutablePointer<Atomic<UInt64>>, count: Int, height: Int,
    _ forget: (PageReference) -> Void
  ) {
    for slot in 0..<count {
      if height > 0 {
        if let child = unsafe Self.node(node[slot].load(ordering: .relaxed)) {
          unsafe removeAll(child, count: fanout, height: height - 1, forget)
        }
      } else {
        let old = unsafe node[slot].exchange(0, ordering: .acquiringAndReleasing)
        if old != 0 { forget(PageReference(rawValue: old)) }
      }
    }
  }
}
