internal import Bytes

/// A node found under a name, with what the kernel will ask about it next.
package struct NodeEntry: Equatable, Sendable {
  package static let byteCount = 128

  package var node: NodeID
  package var attributes: NodeAttributes

  package init(node: NodeID, attributes: NodeAttributes) {
    self.node = node
    self.attributes = attributes
  }
}

/// How long the kernel may believe what it was told, in seconds.
package struct CacheTimeouts: Equatable, Sendable {
  /// For a name, present or absent.
  package var entry: UInt64
  package var attributes: UInt64

  package init(entry: UInt64, attributes: UInt64) {
    self.entry = entry
    self.attributes = attributes
  }

  /// A year: an image never changes, so nothing need be asked twice.
  package static let immutable = CacheTimeouts(entry: 31_536_000, attributes: 31_536_000)
  package static let none = CacheTimeouts(entry: 0, attributes: 0)
}

extension CacheTimeouts {
  /// The payload of the answer to GETATTR: attr_valid (8), its nanoseconds (4), dummy (4),
  /// attributes.
  package static let attributeReplyByteCount = 16 + NodeAttributes.byteCount

  /// Writes the answer to LOOKUP; nil tells the kernel that the name is absent, and to remember it.
  ///
  /// | Offset | Size | Field                     |
  /// |-------:|-----:|---------------------------|
  /// |      0 |    8 | nodeid, zero when absent  |
  /// |      8 |    8 | generation                |
  /// |     16 |    8 | entry_valid               |
  /// |     24 |    8 | attr_valid                |
  /// |     32 |    4 | entry_valid_nsec          |
  /// |     36 |    4 | attr_valid_nsec           |
  /// |     40 |   88 | attributes                |
  package func encode(
    _ entry: NodeEntry?, into target: inout MutableRawSpan, at offset: Int = 0
  ) -> Int {
    target.zero(offset..<offset + NodeEntry.byteCount)
    target.store(self.entry, atByteOffset: offset + 16)
    if let entry {
      target.store(entry.node.rawValue, atByteOffset: offset)
      target.store(attributes, atByteOffset: offset + 24)
      entry.attributes.encode(into: &target, at: offset + 40)
    }
    return NodeEntry.byteCount
  }

  /// Writes the answer to GETATTR; returns its size.
  package func encode(
    _ attributes: NodeAttributes, into target: inout MutableRawSpan
  ) -> Int {
    target.zero(0..<16)
    target.store(self.attributes, atByteOffset: 0)
    attributes.encode(into: &target, at: 16)
    return Self.attributeReplyByteCount
  }
}
