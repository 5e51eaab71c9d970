/// SplitMix64: a random sequence that a failure message can name and a rerun can repeat.
///
/// `CULLET_TEST_SEED` overrides the seed of every generator.
package struct SeededGenerator: RandomNumberGenerator {
  package let seed: UInt64
  private var state: UInt64

  package init(seed: UInt64) {
    self.seed = seed
    state = seed
  }

  /// A generator with a seed of its own, or the one in `CULLET_TEST_SEED`; prints it for `test`.
  package init(for test: String) {
    let forced = environmentValue("CULLET_TEST_SEED").flatMap { UInt64($0) }
    self.init(seed: forced ?? UInt64.random(in: 0...UInt64.max))
    print("\(test): CULLET_TEST_SEED=\(seed)")
  }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }

  /// `count` random bytes.
  package mutating func bytes(count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }  // any byte will do
  }
}
