internal import Bytes

/// The namespaces of extended attributes, by their number on disk.
package enum AttributeNamespace {
  /// The start of every name in namespace `index`; nil when names there are not shown.
  ///
  /// The two ACLs are namespaces of one name each. Number 5 is reserved for Lustre, whose
  /// attributes Linux does not show either.
  package static func prefix(of index: UInt8) -> [UInt8]? {
    switch index {
    case 1: Array("user.".utf8)
    case 2: Array("system.posix_acl_access".utf8)
    case 3: Array("system.posix_acl_default".utf8)
    case 4: Array("trusted.".utf8)
    case 6: Array("security.".utf8)
    default: nil
    }
  }

  /// Splits a full name into namespace and rest; nil when it is in no namespace.
  package static func split(_ name: [UInt8]) -> (index: UInt8, rest: ArraySlice<UInt8>)? {
    for index: UInt8 in [2, 3, 1, 4, 6] {
      guard let prefix = prefix(of: index), name.starts(with: prefix) else { continue }
      let isWholeName = index == 2 || index == 3
      if isWholeName && name.count != prefix.count { continue }
      return (index, name[prefix.count...])
    }
    return nil
  }
}

/// One long prefix of attribute names: a namespace and what follows it.
///
/// On disk: a 16-bit length, the namespace's number, then one byte less than the length says.
package struct AttributePrefix: Hashable, Sendable {
  /// The longest an item of the table can be, its length field included.
  package static let byteCountLimit = 2 + 256

  /// The number of the namespace; 0 for names that are never shown.
  package let namespace: UInt8
  package let infix: [UInt8]

  package init(namespace: UInt8, infix: [UInt8]) {
    self.namespace = namespace
    self.infix = infix
  }

  /// The length that an item with the two bytes in `bytes` has, its length field included.
  package static func byteCount(ofItemIn bytes: RawSpan) throws(EROFSError) -> Int {
    let byteCount = Int(bytes.load(fromByteOffset: 0, as: UInt16.self))
    guard (1...256).contains(byteCount) else {
      throw EROFSError(.badSuperblock("attribute prefix of \(byteCount) bytes"))
    }
    return 2 + byteCount
  }

  /// Decodes the item that is all of `bytes`, which has at least 3.
  package init(decoding bytes: RawSpan) {
    namespace = bytes.byte(at: 2)
    infix = bytes.extracting(3..<bytes.byteCount).copyBytes()
  }
}
