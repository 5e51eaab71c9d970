/// Appends little-endian fields to a growing array: the encoder's side of what `RawSpan` loads.
package struct ByteWriter {
  @usableFromInline var storage: [UInt8]

  package init(reservingCapacity byteCount: Int = 0) {
    storage = []
    storage.reserveCapacity(byteCount)
  }

  package var bytes: [UInt8] { storage }

  /// Appends `value`, lowest byte first.
  @inlinable
  package mutating func append<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
    unsafe withUnsafeBytes(of: value.littleEndian) { bytes in
      unsafe storage.append(contentsOf: bytes)
    }
  }

  package mutating func append(_ source: [UInt8]) {
    storage.append(contentsOf: source)
  }

  /// Appends every byte of `source`.
  package mutating func append(_ source: RawSpan) {
    unsafe source.withUnsafeBytes { bytes in unsafe storage.append(contentsOf: bytes) }
  }

  /// Appends zeros until the length is a multiple of `alignment`, a power of two.
  package mutating func pad(toMultipleOf alignment: Int) {
    let count = storage.count.roundedUp(toMultipleOf: alignment) - storage.count
    storage.append(contentsOf: repeatElement(0, count: count))
  }
}
