/// What readers have to know of a page before they touch it, in one word that changes atomically.
///
/// | Bits  | Field       |
/// |------:|-------------|
/// |  0–15 | pins        |
/// | 16–17 | uses        |
/// | 18–19 | residency   |
/// |    20 | isReturning |
/// | 32–63 | generation  |
///
/// Invariants: a page is neither moved nor freed while it has pins; its generation goes up each time
/// it is freed, so a ``PageReference`` of before finds out.
struct PageState: Equatable, Sendable {
  enum Residency: UInt64 {
    case free
    /// In a frame, as it is.
    case hot
    /// In the ``CompressedLog``.
    case compressed
    /// Changing its place under the tier's lock; whoever waits for the lock finds it in the new one.
    case moving
  }

  /// The most uses that are told apart.
  static let useCountMax: UInt64 = 3
  static let pin: UInt64 = 1
  private static let pinMask: UInt64 = 0xFFFF
  private static let useShift: UInt64 = 16
  private static let residencyShift: UInt64 = 18
  private static let returningBit: UInt64 = 1 << 20

  var rawValue: UInt64

  init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// A page of `generation` that nobody has used yet.
  init(generation: UInt32, residency: Residency, isReturning: Bool) {
    rawValue =
      UInt64(generation) << 32 | residency.rawValue << Self.residencyShift
      | (isReturning ? Self.returningBit : 0)
  }

  var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }

  var pinCount: Int { Int(rawValue & Self.pinMask) }

  /// How often the page was read since it last moved down a queue, up to ``useCountMax``.
  var useCount: UInt64 {
    get { rawValue >> Self.useShift & Self.useCountMax }
    set {
      rawValue = rawValue & ~(Self.useCountMax << Self.useShift) | newValue << Self.useShift
    }
  }

  var residency: Residency {
    get {
      // Two bits, and a case for each of their values.
      Residency(rawValue: rawValue >> Self.residencyShift & 3) ?? .free
    }
    set {
      rawValue = rawValue & ~(3 << Self.residencyShift) | newValue.rawValue << Self.residencyShift
    }
  }

  /// Whether the page had been evicted before, which earns it a place in the compressed part.
  var isReturning: Bool { rawValue & Self.returningBit != 0 }

  /// Whether bytes can be read once the page is pinned.
  var isReadable: Bool { residency == .hot || residency == .compressed }

  /// The same page with one more pin.
  var pinned: PageState { PageState(rawValue: rawValue + Self.pin) }

  /// The same page with one more pin and one more use.
  var read: PageState {
    var state = pinned
    if state.useCount < Self.useCountMax { state.rawValue += 1 << Self.useShift }
    return state
  }
}
