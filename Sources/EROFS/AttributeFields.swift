package import Bytes

/// One extended attribute as a builder stores it.
package struct AttributeFields: Hashable, Sendable {
  /// The namespace, or 128 + the number of a long prefix.
  package let nameIndex: UInt8
  /// What follows the prefix, up to 255 bytes.
  package let suffix: [UInt8]
  /// Up to 65,535 bytes.
  package let value: [UInt8]

  package init(nameIndex: UInt8, suffix: [UInt8], value: [UInt8]) {
    self.nameIndex = nameIndex
    self.suffix = suffix
    self.value = value
  }

  /// The bytes the entry takes, padding included.
  package var byteCount: Int {
    (AttributeEntry.headByteCount + suffix.count + value.count).roundedUp(toMultipleOf: 4)
  }

  /// Appends the entry and its padding; the writer stands at a multiple of 4.
  package func encode(into writer: inout ByteWriter) {
    writer.append(UInt8(suffix.count))
    writer.append(nameIndex)
    writer.append(UInt16(value.count))
    writer.append(suffix)
    writer.append(value)
    writer.pad(toMultipleOf: 4)
  }
}

/// The extended attributes behind one inode, as a builder stores them.
package struct AttributeArea: Hashable, Sendable {
  /// The most that an area may take: its size is stored in 16 bits, in units of 4 bytes.
  package static let byteCountLimit = AttributeHeader.byteCount + 4 * (65_535 - 1)

  /// The bit of every class of names that is present.
  package var presentNames: UInt32 = 0
  package var sharedIDs: [UInt32] = []
  package var own: [AttributeFields] = []

  package init() {}

  /// The bytes the area takes behind the inode; 0 when there are no attributes.
  package var byteCount: Int {
    guard !sharedIDs.isEmpty || !own.isEmpty else { return 0 }
    return own.reduce(AttributeHeader.byteCount + 4 * sharedIDs.count) { $0 + $1.byteCount }
  }

  /// Appends the area, header first, or nothing when there are no attributes.
  package func encode(into writer: inout ByteWriter) {
    guard byteCount > 0 else { return }
    writer.append(~presentNames)
    writer.append(UInt8(sharedIDs.count))
    for _ in 0..<7 { writer.append(UInt8(0)) }
    for id in sharedIDs { writer.append(id) }
    for attribute in own { attribute.encode(into: &writer) }
  }
}

extension AttributePrefix {
  /// Appends the prefix as an item of the table; the writer stands at a multiple of 4.
  package func encode(into writer: inout ByteWriter) {
    writer.append(UInt16(1 + infix.count))
    writer.append(namespace)
    writer.append(infix)
    writer.pad(toMultipleOf: 4)
  }
}
