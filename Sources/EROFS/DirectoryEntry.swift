package import Bytes

/// One entry of a directory.
package struct DirectoryEntry: Hashable, Sendable {
  package let nid: UInt64
  package let name: FileName
  /// What the directory says about the file's type, if anything; the inode has the last word.
  package let typeHint: FileType?

  package init(nid: UInt64, name: FileName, typeHint: FileType?) {
    self.nid = nid
    self.name = name
    self.typeHint = typeHint
  }
}

/// One block of a directory: entries, then their names, both in order of the names' bytes.
///
/// | Offset | Size | Field of an entry           |
/// |-------:|-----:|-----------------------------|
/// |      0 |    8 | nid                         |
/// |      8 |    2 | offset of the name          |
/// |     10 |    1 | file type                   |
///
/// A name ends where the next one starts; the last ends at a zero or with the block. Entries are
/// checked when they are asked for, since a look-up touches few of them.
package struct DirectoryBlock: ~Escapable {
  package static let entryByteCount = 12
  package static let nameByteCountLimit = 255

  private let bytes: RawSpan
  private let nid: UInt64
  package let entryCount: Int

  /// The block of directory `nid` in `bytes`, which ends where the directory does.
  @_lifetime(copy bytes)
  package init(decoding bytes: RawSpan, ofDirectory nid: UInt64) throws(EROFSError) {
    self.bytes = bytes
    self.nid = nid
    guard bytes.byteCount > Self.entryByteCount else {
      throw EROFSError(.badDirectory("short block"), at: nid)
    }
    let first = Int(bytes.load(fromByteOffset: 8, as: UInt16.self))
    guard first != 0, first % Self.entryByteCount == 0, first < bytes.byteCount else {
      throw EROFSError(.badDirectory("first name at \(first)"), at: nid)
    }
    entryCount = first / Self.entryByteCount
  }

  /// The name of the entry at `index`.
  @_lifetime(copy self)
  package func name(at index: Int) throws(EROFSError) -> RawSpan {
    let entry = index * Self.entryByteCount
    let start = Int(bytes.load(fromByteOffset: entry + 8, as: UInt16.self))
    var end: Int
    if index + 1 < entryCount {
      end = Int(bytes.load(fromByteOffset: entry + Self.entryByteCount + 8, as: UInt16.self))
    } else {
      end = min(start, bytes.byteCount)
      let limit = min(bytes.byteCount, end + Self.nameByteCountLimit + 1)
      while end < limit, bytes.byte(at: end) != 0 { end += 1 }
    }
    guard start >= entryCount * Self.entryByteCount, start < end, end <= bytes.byteCount,
      end - start <= Self.nameByteCountLimit
    else { throw EROFSError(.badDirectory("name at \(start)..<\(end)"), at: nid) }
    return bytes.extracting(start..<end)
  }

  /// The whole entry at `index`, its name checked for bytes that no name may have.
  package func entry(at index: Int) throws(EROFSError) -> DirectoryEntry {
    let name = try name(at: index).copyBytes()
    guard !name.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") }) else {
      throw EROFSError(.badDirectory("name with a zero or slash"), at: nid)
    }
    let entry = index * Self.entryByteCount
    return DirectoryEntry(
      nid: bytes.load(fromByteOffset: entry), name: FileName(name),
      typeHint: FileType(rawValue: bytes.byte(at: entry + 10)))
  }

  /// The index of `name`, or nil when the block has no such entry; looks at O(log n) names.
  package func index(of name: RawSpan) throws(EROFSError) -> Int? {
    var low = 0
    var high = entryCount
    while low < high {
      let middle = (low + high) / 2
      let order = try self.name(at: middle).compareBytes(to: name)
      if order == 0 { return middle }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return nil
  }
}
