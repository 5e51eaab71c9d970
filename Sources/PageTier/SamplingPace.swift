/// How long to wait before the headroom is looked at again.
enum SamplingPace {
  /// The longest wait, in milliseconds.
  static let longest = 1000
  /// The shortest, at which looking takes about a hundredth of a processor.
  static let shortest = 16
  /// The longest wait while pressure was heard of lately.
  static let alert = 100

  /// The wait in milliseconds: what somebody who takes 1 GiB a second needs for all that is spare and
  /// for a quarter of the reserve.
  ///
  /// There is no hurry where nothing is known, or nothing can be given back.
  static func milliseconds(headroom: Headroom?, canShrink: Bool, isAlert: Bool) -> Int {
    guard canShrink, let headroom else { return longest }
    let reserve = headroom.spareByteCount - headroom.growableByteCount
    let wait = max(shortest, (headroom.spareByteCount + reserve / 4) >> 20)
    return min(wait, isAlert ? alert : longest)
  }
}
