package import Bytes
package import EROFS
internal import Linux

extension Image {
  /// The extended attributes of `inode`, sorted by the bytes of their full names.
  ///
  /// Attributes in namespaces that Linux does not show are left out.
  package func extendedAttributes(
    _ inode: Inode
  ) throws(ReadError) -> [(name: [UInt8], value: [UInt8])] {
    var attributes: [(name: [UInt8], value: [UInt8])] = []
    let prefixes = try longPrefixes()
    try forEachAttribute(of: inode) { entry throws(ReadError) in
      let (namespace, infix) = try Self.prefix(of: entry, prefixes, inode)
      if let prefix = AttributeNamespace.prefix(of: namespace) {
        attributes.append((prefix + infix + entry.suffix.copyBytes(), entry.value.copyBytes()))
      }
      return true
    }
    return attributes.sorted { $0.name.lexicographicallyPrecedes($1.name) }
  }

  /// The value of the attribute whose full name is `name`, or nil when `inode` has none.
  package func extendedAttribute(
    named name: RawSpan, of inode: Inode
  ) throws(ReadError) -> [UInt8]? {
    guard inode.attributeByteCount > AttributeHeader.byteCount,
      let (namespace, rest) = AttributeNamespace.split(name.copyBytes())
    else { return nil }
    return try attribute(namespace, Array(rest), of: inode)
  }

  /// The SHA-256 of the content of `inode`, as the image's maker recorded it.
  ///
  /// Nil when the image has no fingerprints, the file has none, or it is of another kind. Nothing
  /// vouches for it but the maker of the image.
  package func fingerprint(of inode: Inode) throws(ReadError) -> Digest? {
    guard let number = superblock.fingerprintPrefix,
      inode.attributeByteCount > AttributeHeader.byteCount
    else { return nil }
    let prefix = try longPrefixes()[number]
    let label = Array("sha256:".utf8)
    guard let value = try attribute(prefix.namespace, prefix.infix, of: inode),
      value.starts(with: label)
    else { return nil }
    return Digest(Array(value[label.count...]))
  }

  private func attribute(
    _ namespace: UInt8, _ rest: [UInt8], of inode: Inode
  ) throws(ReadError) -> [UInt8]? {
    let bit =
      superblock.hasAttributeFilter
      ? AttributeFilter.bit(namespace: namespace, rest: rest.rawSpan) : 0
    let prefixes = try longPrefixes()
    var value: [UInt8]?
    try forEachAttribute(of: inode, unlessAbsent: bit) { entry throws(ReadError) in
      let (entryNamespace, infix) = try Self.prefix(of: entry, prefixes, inode)
      guard entryNamespace == namespace, rest.starts(with: infix),
        rest.rawSpan.extracting(infix.count..<rest.count).compareBytes(to: entry.suffix) == 0
      else { return true }
      value = entry.value.copyBytes()
      return false
    }
    return value
  }

  private static func prefix(
    of entry: borrowing AttributeEntry, _ prefixes: [AttributePrefix], _ inode: Inode
  ) throws(ReadError) -> (namespace: UInt8, infix: [UInt8]) {
    guard let number = entry.longPrefix else { return (entry.nameIndex, []) }
    guard number < prefixes.count else {
      throw .format(EROFSError(.badExtendedAttribute("no prefix \(number)"), at: inode.nid))
    }
    return (prefixes[number].namespace, prefixes[number].infix)
  }

  /// Gives the attributes of `inode` to `body` until it returns false: its own, then shared ones.
  ///
  /// Gives none when the name filter says that the class of names in `absentBit` is absent.
  private func forEachAttribute(
    of inode: Inode, unlessAbsent absentBit: UInt32 = 0,
    _ body: (borrowing AttributeEntry) throws(ReadError) -> Bool
  ) throws(ReadError) {
    guard inode.attributeByteCount > AttributeHeader.byteCount else { return }
    let address = try decoding { () throws(EROFSError) in try inode.attributeAddress() }
    let sharedIDs = try withMetadata(at: address, byteCount: inode.attributeByteCount) {
      bytes throws(ReadError) -> [UInt32] in
      let header = try decoding { () throws(EROFSError) in
        try AttributeHeader(decoding: bytes, nid: inode.nid)
      }
      if header.absentNames & absentBit != 0 { return [] }
      var offset = header.byteCount
      while offset + AttributeEntry.headByteCount <= bytes.byteCount {
        let entry = try Self.entry(in: bytes.extracting(offset..<bytes.byteCount), inode)
        if !entry.isFiller, try !body(entry) { return [] }
        offset += entry.paddedByteCount
      }
      return header.sharedIDs
    }
    for id in sharedIDs {
      let address = superblock.address(ofSharedAttribute: id)
      let byteCount = try withMetadata(at: address, byteCount: AttributeEntry.headByteCount) {
        AttributeEntry.byteCount(ofEntryIn: $0)
      }
      let goesOn = try withMetadata(at: address, byteCount: byteCount) {
        bytes throws(ReadError) in
        try body(try Self.entry(in: bytes, inode))
      }
      if !goesOn { return }
    }
  }

  @_lifetime(copy bytes)
  private static func entry(in bytes: RawSpan, _ inode: Inode) throws(ReadError) -> AttributeEntry {
    do {
      return try AttributeEntry(decoding: bytes, nid: inode.nid)
    } catch {
      throw .format(error)
    }
  }

  /// The table of long prefixes, read when it is first needed.
  package func longPrefixes() throws(ReadError) -> [AttributePrefix] {
    if let known = prefixes.withLock({ $0 }) { return known }
    var table: [AttributePrefix] = []
    if superblock.prefixCount > 0 {
      var address = superblock.prefixTable
      for _ in 0..<superblock.prefixCount {
        let start = try decoding { () throws(EROFSError) in try address.aligned(to: 4) }
        let byteCount = try withMetadata(at: start, byteCount: 2) { bytes throws(ReadError) in
          try decoding { () throws(EROFSError) in
            try AttributePrefix.byteCount(ofItemIn: bytes)
          }
        }
        table.append(
          try withMetadata(at: start, byteCount: byteCount) { AttributePrefix(decoding: $0) })
        address = try decoding { () throws(EROFSError) in
          try start.advanced(by: UInt64(byteCount))
        }
      }
    }
    let prefixes = table
    self.prefixes.withLock { $0 = prefixes }
    return table
  }
}
