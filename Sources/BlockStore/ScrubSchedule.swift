/// When a scrubber may read: so many bytes a second, and one pass over the cache a day.
///
/// Times are in nanoseconds of a clock that the caller reads; nothing here looks at one.
package struct ScrubSchedule: Sendable {
  /// From the beginning of a pass to that of the next, at the least: a day.
  package static let passInterval: UInt64 = 24 * 3600 * 1_000_000_000

  /// Bytes a second; 0 stops the scrubber.
  package var byteRate: UInt64
  private var readDue: UInt64 = 0
  private var passStart: UInt64 = 0
  private var passDue: UInt64 = 0

  /// A schedule whose first pass is due at once.
  package init(byteRate: UInt64) {
    self.byteRate = byteRate
  }

  /// When the next read is due; nil while the scrubber is stopped.
  package var nextRead: UInt64? {
    byteRate == 0 ? nil : max(readDue, passDue)
  }

  /// Notes that a pass begins at `now`.
  package mutating func beginPass(at now: UInt64) {
    passStart = now
  }

  /// Notes a read of `byteCount` bytes at `now`.
  ///
  /// Time that went by unused is not made up for: a scrubber that was held up does not hurry.
  package mutating func noteRead(ofByteCount byteCount: Int, at now: UInt64) {
    guard byteRate > 0 else { return }
    let (product, overflow) = UInt64(byteCount).multipliedReportingOverflow(by: 1_000_000_000)
    readDue = now + (overflow ? Self.passInterval : product / byteRate)
  }

  /// Notes that every slot has been visited since ``beginPass(at:)``.
  package mutating func endPass() {
    passDue = passStart + Self.passInterval
  }
}
