internal import Bytes
internal import Linux

/// Walks the trees of an index page by page, trusting nothing, without the index library.
///
/// LMDB's pages bear no checksum, and it believes what they say: a damaged one can end the process,
/// or come to light much later, as a page that is in use and free at once. So every page, node and
/// count is checked here, and no page may be in two places. Each page is read once, so the walk
/// ends.
struct PageWalker: ~Copyable {
  /// A key in the order of its tree: an integer, or bytes.
  struct Key: Comparable {
    var number: UInt64 = 0
    var bytes: [UInt8] = []

    static func < (one: Key, other: Key) -> Bool {
      one.number == other.number
        ? one.bytes.lexicographicallyPrecedes(other.bytes) : one.number < other.number
    }
  }

  enum KeyForm {
    case bytes
    case integer(byteCount: Int)
  }

  /// What has been counted of a tree, and the keys between which the next one must lie.
  private struct Progress {
    var branchPageCount: UInt64 = 0
    var leafPageCount: UInt64 = 0
    var overflowPageCount: UInt64 = 0
    var entryCount: UInt64 = 0
    var last: Key?
    var separator: Key?
  }

  private struct Page {
    let number: UInt64
    let bytes: [UInt8]
    var flags: UInt16 { bytes.rawSpan.load(fromByteOffset: 10) }
    var lower: Int { Int(bytes.rawSpan.load(fromByteOffset: 12, as: UInt16.self)) }
    var upper: Int { Int(bytes.rawSpan.load(fromByteOffset: 14, as: UInt16.self)) }
  }

  private static let branchFlag: UInt16 = 1
  private static let leafFlag: UInt16 = 2
  private static let overflowFlag: UInt16 = 4
  private static let headerByteCount = 16
  private static let nodeHeaderByteCount = 8
  /// The value lies on pages of its own.
  private static let bigFlag: UInt16 = 1
  /// The value is the record of another tree.
  private static let subtreeFlag: UInt16 = 2

  private let file: FileDescriptor
  private let meta: IndexMeta
  private var isUsed: [Bool]

  init(over file: consuming FileDescriptor, _ meta: IndexMeta) {
    self.file = file
    self.meta = meta
    isUsed = [Bool](repeating: false, count: meta.pageCount)
    isUsed[0] = true
    isUsed[1] = true
  }

  /// Takes page `number` for one use; throws when it has another one, or is none.
  mutating func claim(_ number: UInt64) throws(IndexFault) {
    guard number < UInt64(isUsed.count) else { throw IndexFault("page \(number) is none") }
    guard !isUsed[Int(number)] else { throw IndexFault("page \(number) has two uses") }
    isUsed[Int(number)] = true
  }

  /// Walks `tree` in the order of its keys; `isDirectory` says whether its values are trees.
  mutating func walk(
    _ tree: PageTree, _ form: KeyForm, isDirectory: Bool = false,
    _ visit: (Key, RawSpan) throws(IndexFault) -> Void
  ) throws(IndexFault) {
    var progress = Progress()
    if let root = tree.root {
      try walk(
        root, levels: Int(tree.depth), form, isDirectory ? Self.subtreeFlag : 0, &progress, visit)
    }
    guard progress.branchPageCount == tree.branchPageCount,
      progress.leafPageCount == tree.leafPageCount,
      progress.overflowPageCount == tree.overflowPageCount,
      progress.entryCount == tree.entryCount
    else { throw IndexFault("a tree's counts are wrong") }
  }

  private mutating func walk(
    _ number: UInt64, levels: Int, _ form: KeyForm, _ kind: UInt16, _ progress: inout Progress,
    _ visit: (Key, RawSpan) throws(IndexFault) -> Void
  ) throws(IndexFault) {
    let page = try read(number)
    let isLeaf = levels == 1
    guard page.flags == (isLeaf ? Self.leafFlag : Self.branchFlag) else {
      throw IndexFault("page \(number) is of another kind")
    }
    let nodes = try nodes(of: page, isLeaf: isLeaf)
    guard !nodes.isEmpty else { throw IndexFault("page \(number) is empty") }
    for (index, node) in nodes.enumerated() {
      let span = page.bytes.rawSpan
      let keyStart = node.lowerBound + Self.nodeHeaderByteCount
      let keyEnd = keyStart + Int(span.load(fromByteOffset: node.lowerBound + 6, as: UInt16.self))
      let keyBytes = span.extracting(keyStart..<keyEnd)
      if !isLeaf {
        if index > 0 { try separate(try key(keyBytes, form, on: page), &progress, on: page) }
        let child = childNumber(span, node.lowerBound)
        try walk(child, levels: levels - 1, form, kind, &progress, visit)
        continue
      }
      let key = try key(keyBytes, form, on: page)
      try advance(to: key, &progress, on: page)
      let flags = span.load(fromByteOffset: node.lowerBound + 4, as: UInt16.self)
      let count = Int(span.load(fromByteOffset: node.lowerBound, as: UInt32.self))
      switch flags {
      case kind:
        try visit(key, span.extracting(keyEnd..<keyEnd + count))
      case kind | Self.bigFlag:
        let value = try readOverflow(
          span.load(fromByteOffset: keyEnd, as: UInt64.self), byteCount: count, &progress)
        try visit(
          key, value.rawSpan.extracting(Self.headerByteCount..<Self.headerByteCount + count))
      default: throw IndexFault("page \(number): a node is of another kind")
      }
    }
    if isLeaf { progress.leafPageCount += 1 } else { progress.branchPageCount += 1 }
  }

  private mutating func read(_ number: UInt64) throws(IndexFault) -> Page {
    try claim(number)
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try file.read(
        byteCount: meta.pageByteCount, at: number * UInt64(meta.pageByteCount))
    } catch {
      throw IndexFault("page \(number): \(error)")
    }
    guard bytes.count == meta.pageByteCount,
      bytes.rawSpan.load(fromByteOffset: 0, as: UInt64.self) == number
    else { throw IndexFault("page \(number) is another one") }
    return Page(number: number, bytes: bytes)
  }

  /// The bytes of a value's own pages, their header included.
  private mutating func readOverflow(
    _ number: UInt64, byteCount: Int, _ progress: inout Progress
  ) throws(IndexFault) -> [UInt8] {
    let first = try read(number)
    let pageCount = UInt64(first.bytes.rawSpan.load(fromByteOffset: 12, as: UInt32.self))
    let neededCount = Self.headerByteCount + byteCount
    guard first.flags == Self.overflowFlag, pageCount >= 1, pageCount <= UInt64(meta.pageCount),
      neededCount <= Int(pageCount) * meta.pageByteCount
    else { throw IndexFault("page \(number) does not hold its value") }
    for other in (number + 1)..<(number + pageCount) { try claim(other) }
    progress.overflowPageCount += pageCount
    do throws(SystemError) {
      let bytes = try file.read(
        byteCount: neededCount, at: number * UInt64(meta.pageByteCount))
      if bytes.count == neededCount { return bytes }
    } catch {
      throw IndexFault("page \(number): \(error)")
    }
    throw IndexFault("page \(number) is cut off")
  }

  /// Where the nodes of `page` lie, in the order of their keys: within it, and apart.
  private func nodes(of page: Page, isLeaf: Bool) throws(IndexFault) -> [Range<Int>] {
    let span = page.bytes.rawSpan
    let (lower, upper, end) = (page.lower, page.upper, meta.pageByteCount)
    let fault = IndexFault("page \(page.number): its nodes are in disorder")
    guard lower >= Self.headerByteCount, lower % 2 == 0, lower <= upper, upper <= end else {
      throw fault
    }
    var nodes: [Range<Int>] = []
    for position in stride(from: Self.headerByteCount, to: lower, by: 2) {
      let start = Int(span.load(fromByteOffset: position, as: UInt16.self))
      guard start >= upper, start % 2 == 0, start + Self.nodeHeaderByteCount <= end else {
        throw fault
      }
      var byteCount =
        Self.nodeHeaderByteCount
        + Int(span.load(fromByteOffset: start + 6, as: UInt16.self))
      if isLeaf {
        let flags = span.load(fromByteOffset: start + 4, as: UInt16.self)
        byteCount +=
          flags & Self.bigFlag != 0
          ? 8 : Int(span.load(fromByteOffset: start, as: UInt32.self))
      }
      byteCount = byteCount.roundedUp(toMultipleOf: 2)
      guard start + byteCount <= end else { throw fault }
      nodes.append(start..<start + byteCount)
    }
    var expected = upper
    for node in nodes.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      guard node.lowerBound == expected else { throw fault }
      expected = node.upperBound
    }
    guard expected == end else { throw fault }
    return nodes
  }

  private func childNumber(_ span: RawSpan, _ node: Int) -> UInt64 {
    UInt64(span.load(fromByteOffset: node, as: UInt32.self))
      | UInt64(span.load(fromByteOffset: node + 4, as: UInt16.self)) << 32
  }

  private func key(
    _ bytes: RawSpan, _ form: KeyForm, on page: Page
  ) throws(IndexFault) -> Key {
    switch form {
    case .bytes: return Key(bytes: bytes.copyBytes())
    case .integer(let byteCount):
      guard bytes.byteCount == byteCount else {
        throw IndexFault("page \(page.number): a key of \(bytes.byteCount) bytes")
      }
      return Key(
        number: byteCount == 8
          ? bytes.load(fromByteOffset: 0)
          : UInt64(bytes.load(fromByteOffset: 0, as: UInt32.self)))
    }
  }

  private func advance(
    to key: Key, _ progress: inout Progress, on page: Page
  ) throws(IndexFault) {
    try separate(key, &progress, on: page)
    progress.last = key
    progress.separator = nil
    progress.entryCount += 1
  }

  /// Notes that all keys from here on are `key` or greater.
  private func separate(
    _ key: Key, _ progress: inout Progress, on page: Page
  ) throws(IndexFault) {
    if let last = progress.last, last >= key {
      throw IndexFault("page \(page.number): the keys are in disorder")
    }
    if let separator = progress.separator, separator > key {
      throw IndexFault("page \(page.number): the keys are in disorder")
    }
    progress.separator = key
  }
}
