/// Little-endian loads and stores at explicit offsets: the only way Cullet reads or writes a
/// format.
///
/// Every access is bounds-checked by the span; alignment never matters.
extension RawSpan {
  /// The little-endian integer that starts `offset` bytes in.
  @inlinable
  package func load<T: FixedWidthInteger & BitwiseCopyable>(
    fromByteOffset offset: Int, as type: T.Type = T.self
  ) -> T {
    T(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
  }

  /// The byte at `offset`.
  @inlinable
  package func byte(at offset: Int) -> UInt8 {
    unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }

  /// Copies the span into an array of its own, in O(`byteCount`) with one allocation.
  @inlinable
  package func copyBytes() -> [UInt8] {
    unsafe withUnsafeBytes { unsafe [UInt8]($0) }
  }
}

extension MutableRawSpan {
  /// Stores `value` in little-endian order, `offset` bytes in.
  @inlinable
  @_lifetime(self: copy self)
  package mutating func store<T: FixedWidthInteger & BitwiseCopyable>(
    _ value: T, atByteOffset offset: Int
  ) {
    storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
  }

  /// Copies all of `source` to `offset`; traps when it does not fit, for the caller chose both.
  @inlinable
  @_lifetime(self: copy self)
  package mutating func copy(_ source: RawSpan, atByteOffset offset: Int = 0) {
    precondition(
      offset >= 0 && source.byteCount <= byteCount - offset, "copy past the end of the target")
    unsafe withUnsafeMutableBytes { target in
      unsafe source.withUnsafeBytes { bytes in
        guard let from = bytes.baseAddress, let to = target.baseAddress else { return }
        unsafe (to + offset).copyMemory(from: from, byteCount: bytes.count)
      }
    }
  }

  /// Sets the bytes of `range` to zero.
  @inlinable
  @_lifetime(self: copy self)
  package mutating func zero(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "zeroing past the end")
    unsafe withUnsafeMutableBytes { target in
      guard !range.isEmpty else { return }
      _ = unsafe UnsafeMutableRawBufferPointer(rebasing: target[range])
        .initializeMemory(as: UInt8.self, repeating: 0)
    }
  }
}

extension Array where Element == UInt8 {
  /// The array's bytes as a view for decoders.
  @inlinable
  package var rawSpan: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = self.span
      return unsafe _overrideLifetime(RawSpan(_elements: span), borrowing: self)
    }
  }

  /// The array's bytes as a view to fill in place.
  @inlinable
  package var mutableRawSpan: MutableRawSpan {
    @_lifetime(&self)
    mutating get {
      let buffer = unsafe withUnsafeMutableBytes { unsafe $0 }
      // The array is unique now and stays exclusively borrowed for as long as the span lives.
      let span = unsafe MutableRawSpan(_unsafeBytes: buffer)
      return unsafe _overrideLifetime(span, mutating: &self)
    }
  }
}
