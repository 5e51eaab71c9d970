internal import Synchronization

/// Which pages of one file the tier holds: a tree of ``PageReference``s, 64 to a node.
///
/// Readers walk it without a lock; the holder of the tier's lock changes it. Nodes stay until the
/// map goes, so a reader that holds the map may walk on. A file of no more than 64 pages is one node
/// that is as long as the file.
@safe
final class FileMap: @unchecked Sendable {
  private static let fanoutBits: UInt64 = 6
  private static let fanout = 64

  let pageCount: UInt64
  /// Levels above the leaves.
  private let height: Int
  private let rootCount: Int
  private let root: UnsafeMutablePointer<Atomic<UInt64>>
  /// What the nodes take; read and written under the tier's lock.
  private(set) var byteCount: Int

  /// An empty map of a file of `pageCount` pages, at least 1.
  init(pageCount: UInt64) {
    precondition(pageCount > 0, "a file without pages needs no map")
    self.pageCount = pageCount
    var height = 0
    while (pageCount - 1) >> (Self.fanoutBits * UInt64(height + 1)) > 0 { height += 1 }
    self.height = height
    rootCount = Int((pageCount - 1) >> (Self.fanoutBits * UInt64(height))) + 1
    unsafe root = Self.makeNode(count: rootCount)
    byteCount = rootCount * 8
  }

  /// What an empty map takes.
  var rootByteCount: Int { rootCount * 8 }

  deinit {
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
    unsafe Self.removeAll(root, count: rootCount, height: height, forget)
  }

  /// How many entries `isWanted` holds for; nodes that were never made are not looked at.
  func count(where isWanted: (PageReference) -> Bool) -> Int {
    unsafe Self.count(root, count: rootCount, height: height, isWanted)
  }

  @inline(__always)
  private func cell(of index: UInt64) -> UnsafeMutablePointer<Atomic<UInt64>>? {
    var node = unsafe root
    var level = UInt64(height)
    while level > 0 {
      let slot = Int(index >> (Self.fanoutBits * level) & 63)
      guard
        let child = unsafe UnsafeMutablePointer<Atomic<UInt64>>(
          bitPattern: UInt(node[slot].load(ordering: .acquiring)))
      else { return nil }
      unsafe node = unsafe child
      level -= 1
    }
    return unsafe node + Int(index & 63)
  }

  private func cellMade(for index: UInt64) -> UnsafeMutablePointer<Atomic<UInt64>> {
    precondition(index < pageCount, "the file has no such page")
    var node = unsafe root
    var level = UInt64(height)
    while level > 0 {
      let slot = Int(index >> (Self.fanoutBits * level) & 63)
      let known = unsafe node[slot].load(ordering: .relaxed)
      if let child = unsafe UnsafeMutablePointer<Atomic<UInt64>>(bitPattern: UInt(known)) {
        unsafe node = unsafe child
      } else {
        let made = unsafe Self.makeNode(count: Self.fanout)
        byteCount += Self.fanout * 8
        unsafe node[slot].store(UInt64(UInt(bitPattern: made)), ordering: .releasing)
        unsafe node = unsafe made
      }
      level -= 1
    }
    return unsafe node + Int(index & 63)
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
        let address = UInt(unsafe node[slot].load(ordering: .relaxed))
        if let child = unsafe UnsafeMutablePointer<Atomic<UInt64>>(bitPattern: address) {
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
      } else if let child = unsafe UnsafeMutablePointer<Atomic<UInt64>>(bitPattern: UInt(word)) {
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
        let address = UInt(unsafe node[slot].load(ordering: .relaxed))
        if let child = unsafe UnsafeMutablePointer<Atomic<UInt64>>(bitPattern: address) {
          unsafe removeAll(child, count: fanout, height: height - 1, forget)
        }
      } else {
        let old = unsafe node[slot].exchange(0, ordering: .acquiringAndReleasing)
        if old != 0 { forget(PageReference(rawValue: old)) }
      }
    }
  }
}
