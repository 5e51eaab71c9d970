/// Appends little-endian fields to a growing array: the encoder's side of what `RawSpan` loads.
package struct ByteWriter {
  package private(set) var bytes: [UInt8]

  package init(reservingCapacity byteCount: Int = 0) {
    bytes = []
    bytes.reserveCapacity(byteCount)
  }

  /// Appends `value`, lowest byte first.
  package mutating func append<T: FixedWidthInteger>(_ value: T) {
    var rest = value
    for _ in 0..<T.bitWidth / 8 {
      bytes.append(UInt8(truncatingIfNeeded: rest))  // the lowest byte is what is wanted
      rest >>= 8
    }
  }

  package mutating func append(_ source: [UInt8]) {
    bytes.append(contentsOf: source)
  }

  /// Appends every byte of `source`.
  package mutating func append(_ source: RawSpan) {
    for index in 0..<source.byteCount { bytes.append(source.byte(at: index)) }
  }

  /// Appends zeros until the length is a multiple of `alignment`, a power of two.
  package mutating func pad(toMultipleOf alignment: Int) {
    let count = bytes.count.roundedUp(toMultipleOf: alignment) - bytes.count
    bytes.append(contentsOf: repeatElement(0, count: count))
  }
}
