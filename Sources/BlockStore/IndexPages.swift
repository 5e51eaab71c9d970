internal import Bytes
internal import Linux

/// Why an index on disk is not believed.
package struct IndexFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is wrong, and where: for the log.
  package let description: String

  init(_ description: String) {
    self.description = description
  }
}

/// What LMDB notes of one tree of pages, 48 bytes.
struct PageTree: Equatable, Sendable {
  static let byteCount = 48
  /// LMDB's cursors have room for as many levels.
  static let depthMax: UInt16 = 32
  private static let noPage = UInt64.max

  let flags: UInt16
  let depth: UInt16
  let branchPageCount: UInt64
  let leafPageCount: UInt64
  let overflowPageCount: UInt64
  let entryCount: UInt64
  /// Nil for an empty tree.
  let root: UInt64?

  /// Decodes a record of 48 bytes; nil when it contradicts itself.
  init?(decoding bytes: RawSpan) {
    guard bytes.byteCount == Self.byteCount else { return nil }
    flags = bytes.load(fromByteOffset: 4)
    depth = bytes.load(fromByteOffset: 6)
    branchPageCount = bytes.load(fromByteOffset: 8)
    leafPageCount = bytes.load(fromByteOffset: 16)
    overflowPageCount = bytes.load(fromByteOffset: 24)
    entryCount = bytes.load(fromByteOffset: 32)
    let root = bytes.load(fromByteOffset: 40, as: UInt64.self)
    self.root = root == Self.noPage ? nil : root
    guard depth <= Self.depthMax, (self.root == nil) == (depth == 0) else { return nil }
  }
}

/// The newest of the two meta pages of an index: where its trees are.
struct IndexMeta: Equatable, Sendable {
  private static let magic: UInt32 = 0xBEEF_C0DE
  private static let version: UInt32 = 1
  private static let metaFlag: UInt16 = 8
  static let pageByteCounts = 512...32_768

  let pageByteCount: Int
  /// Those in use: numbers below this one.
  let pageCount: Int
  let transaction: UInt64
  let free: PageTree
  let main: PageTree

  /// Reads the meta pages as LMDB chooses between them, and sees to it that the file has all pages
  /// in use: touching a page that is not there would end the process.
  init(reading file: borrowing FileDescriptor) throws(IndexFault) {
    var newest = try Self.read(file, at: 0)
    let second = try Self.read(file, at: UInt64(newest.pageByteCount))
    guard second.pageByteCount == newest.pageByteCount else {
      throw IndexFault("the meta pages contradict each other")
    }
    if second.transaction > newest.transaction { newest = second }
    let fileByteCount: UInt64
    do throws(SystemError) {
      fileByteCount = try file.status().byteCount
    } catch {
      throw IndexFault("\(error)")
    }
    guard UInt64(newest.pageCount) <= fileByteCount / UInt64(newest.pageByteCount) else {
      throw IndexFault("the file is shorter than its meta page says")
    }
    self = newest
  }

  private static func read(
    _ file: borrowing FileDescriptor, at offset: UInt64
  ) throws(IndexFault) -> Self {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try file.read(byteCount: pageByteCounts.lowerBound, at: offset)
    } catch {
      throw IndexFault("\(error)")
    }
    guard let meta = Self(decoding: bytes.rawSpan) else {
      throw IndexFault("a meta page is damaged")
    }
    return meta
  }

  private init?(decoding bytes: RawSpan) {
    guard bytes.byteCount >= 152,
      bytes.load(fromByteOffset: 10, as: UInt16.self) & Self.metaFlag != 0,
      bytes.load(fromByteOffset: 16, as: UInt32.self) == Self.magic,
      bytes.load(fromByteOffset: 20, as: UInt32.self) == Self.version,
      // Where other trees have padding, the free list's record has the size of a page.
      let pageByteCount = Int(exactly: bytes.load(fromByteOffset: 40, as: UInt32.self)),
      Self.pageByteCounts.contains(pageByteCount), pageByteCount.nonzeroBitCount == 1,
      let free = PageTree(decoding: bytes.extracting(40..<88)),
      let main = PageTree(decoding: bytes.extracting(88..<136))
    else { return nil }
    let lastPage = bytes.load(fromByteOffset: 136, as: UInt64.self)
    guard lastPage >= 1, lastPage < UInt64(Int32.max) else { return nil }
    self.pageByteCount = pageByteCount
    pageCount = Int(lastPage) + 1
    transaction = bytes.load(fromByteOffset: 144)
    self.free = free
    self.main = main
  }
}
