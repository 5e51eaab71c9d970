/// How much of the memory the compressed part may have, from what it was seen to be worth.
///
/// An arena moved from the hot to the compressed part holds more pages, at the price of decoding
/// them. So the part grows while pages that had been evicted are wanted again, and shrinks while
/// decoding costs more than those misses. Pure arithmetic over counts.
struct CompressedShare {
  /// Decoded hits that are taken to cost what one miss does: a microsecond or two against a read from
  /// disk and its decoding.
  private static let hitsPerMiss: UInt64 = 30
  /// Events between two decisions.
  private static let windowLength: UInt64 = 2048
  /// The hot part keeps at least a sixteenth, or the pages in use would be decoded at each use.
  private static let sixteenthsMax = 15

  /// The arenas that the part may have.
  private(set) var targetArenaCount = 0
  private var refaultCount: UInt64 = 0
  private var hitCountBefore: UInt64 = 0

  /// Notes that a page came back after it was evicted.
  mutating func noteRefault() {
    refaultCount += 1
  }

  /// Whether it is time to ``decide(hitCount:arenaCount:)``.
  func isDue(hitCount: UInt64) -> Bool {
    refaultCount + (hitCount &- hitCountBefore) >= Self.windowLength
  }

  /// Moves the target by an eighth of `arenaCount`, the arenas that may be used.
  ///
  /// `hitCount` are the hits of the compressed part since the start.
  mutating func decide(hitCount: UInt64, arenaCount: Int) {
    let step = max(1, arenaCount / 8)
    let isWorthMore = refaultCount * Self.hitsPerMiss > hitCount &- hitCountBefore
    targetArenaCount += isWorthMore ? step : -step
    limit(to: arenaCount)
    refaultCount = 0
    hitCountBefore = hitCount
  }

  /// Keeps the target within what `arenaCount` arenas allow: nothing of fewer than four.
  mutating func limit(to arenaCount: Int) {
    let most = arenaCount < 4 ? 0 : arenaCount * Self.sixteenthsMax / 16
    targetArenaCount = min(max(targetArenaCount, 0), most)
  }
}
