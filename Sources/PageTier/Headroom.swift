/// How much more memory others may take before the tier has to give some back, and how much the
/// tier may take.
///
/// A reserve of an eighth of all memory that there is, 1 GiB at most, is kept free for what comes
/// between two looks at it. The tier grows only into what is free beyond twice the reserve, so that
/// its own growth never makes it shrink.
package struct Headroom: Equatable, Sendable {
  /// What is free beyond the reserve, in bytes; below zero, what is lacking.
  package let spareByteCount: Int
  /// What is free beyond twice the reserve, in bytes; may be below zero.
  package let growableByteCount: Int

  /// Of `totalByteCount` bytes, the machine's or a cgroup's, `freeByteCount` can still be had; the
  /// latter is below zero where more is used than a limit allows.
  package init(freeByteCount: Int, totalByteCount: Int) {
    let free = Self.bounded(freeByteCount)
    let reserve = max(0, min(Self.bounded(totalByteCount) / 8, Self.largestReserve))
    spareByteCount = free - reserve
    growableByteCount = free - 2 * reserve
  }

  private init(spareByteCount: Int, growableByteCount: Int) {
    self.spareByteCount = spareByteCount
    self.growableByteCount = growableByteCount
  }

  /// What holds where this and `other` both apply.
  package func narrowed(by other: Headroom?) -> Headroom {
    guard let other else { return self }
    return Headroom(
      spareByteCount: min(spareByteCount, other.spareByteCount),
      growableByteCount: min(growableByteCount, other.growableByteCount))
  }

  private static let largestReserve = 1 << 30

  /// Far above any machine's memory, far below where sums overflow.
  private static func bounded(_ byteCount: Int) -> Int {
    min(max(byteCount, -(1 << 60)), 1 << 60)
  }
}
