internal import Linux

/// What goes wrong with one request, when anything does.
enum Mishap: Hashable, Sendable {
  case unavailable
  case cut
}

/// Draws mishaps at a fixed rate from a seed: the same requests in the same order fail alike.
final class MishapSource: Sendable {
  private struct State {
    var random: UInt64
    var count = 0
  }

  private let rate: Double
  private let state: Lock<State>

  init(rate: Double, seed: UInt64) {
    self.rate = rate
    state = Lock(State(random: seed))
  }

  /// The fate of the next request; nil for most.
  func next() -> Mishap? {
    guard rate > 0 else { return nil }
    return state.withLock { state in
      // SplitMix64, of which 53 bits make a number from 0 up to 1.
      state.random &+= 0x9E37_79B9_7F4A_7C15
      var value = state.random
      value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
      value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
      value ^= value >> 31
      guard Double(value >> 11) / 9_007_199_254_740_992 < rate else { return nil }
      state.count += 1
      return state.count.isMultiple(of: 2) ? .cut : .unavailable
    }
  }
}
