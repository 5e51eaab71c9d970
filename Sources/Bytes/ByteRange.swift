/// A half-open range of bytes in a file, image or device, whose end is known not to overflow.
///
/// Invariant: `offset + byteCount` fits in 63 bits, so `Int` conversions of either never trap.
package struct ByteRange: Hashable, Sendable {
  package let offset: UInt64
  package let byteCount: UInt64

  /// The range, or nil when its end lies beyond 2^63 - 1.
  ///
  /// Use this for anything read from outside.
  @inlinable
  package init?(offset: UInt64, byteCount: UInt64) {
    let (end, overflow) = offset.addingReportingOverflow(byteCount)
    guard !overflow, end <= UInt64(Int64.max) else { return nil }
    self.offset = offset
    self.byteCount = byteCount
  }

  /// One past the last byte.
  @inlinable
  package var end: UInt64 { offset + byteCount }

  @inlinable
  package var isEmpty: Bool { byteCount == 0 }

  /// Whether all of `other` lies within this range.
  @inlinable
  package func contains(_ other: ByteRange) -> Bool {
    other.offset >= offset && other.end <= end
  }
}

extension FixedWidthInteger {
  /// The least multiple of `alignment` (a power of two) that is not below `self`.
  ///
  /// The caller knows that it fits; untrusted values go through ``checkedRoundUp(toMultipleOf:)``.
  @inlinable
  package func roundedUp(toMultipleOf alignment: Self) -> Self {
    (self + (alignment - 1)) & ~(alignment - 1)
  }

  /// The greatest multiple of `alignment` (a power of two) that is not above `self`.
  @inlinable
  package func roundedDown(toMultipleOf alignment: Self) -> Self {
    self & ~(alignment - 1)
  }

  /// ``roundedUp(toMultipleOf:)`` for untrusted values: nil on overflow.
  @inlinable
  package func checkedRoundUp(toMultipleOf alignment: Self) -> Self? {
    let (sum, overflow) = addingReportingOverflow(alignment - 1)
    return overflow ? nil : sum & ~(alignment - 1)
  }

  /// `self / divisor`, rounded up, without overflow; both are positive.
  @inlinable
  package func dividedRoundingUp(by divisor: Self) -> Self {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder == 0 ? quotient : quotient + 1
  }
}
