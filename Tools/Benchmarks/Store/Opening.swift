internal import BlockStore
internal import Linux

/// How long opening takes until blocks are found, after a clean end and after a killed process.
///
/// The index is not in memory when it begins. Nothing is served meanwhile: there is no store to ask
/// before it is open.
struct Opening {
  private static let largeRunCountMax = 3

  private let small: PopulatedStore
  private let large: PopulatedStore

  init(directory: String) throws {
    small = try PopulatedStore(in: "\(directory)/small", usedCount: 1_000_000)
    large = try PopulatedStore(in: "\(directory)/large", usedCount: 16_000_000)
  }

  func measure(runCount: Int) throws -> [(Series, Double?)] {
    let (clean, unclean) = try measure(small, "1 million slots", runCount: runCount)
    let (largeClean, largeUnclean) = try measure(
      large, "16 million slots", runCount: min(runCount, Self.largeRunCountMax))
    return [(clean, 0.5), (unclean, 1.5), (largeClean, 8), (largeUnclean, 8)]
  }

  private func measure(
    _ populated: PopulatedStore, _ size: String, runCount: Int
  ) throws -> (clean: Series, unclean: Series) {
    var clean = Series("open \(size), clean", unit: .seconds)
    var unclean = Series("open \(size), unclean", unit: .seconds)
    // Saves the order of use, which the bulk load cannot.
    try populated.open().close()
    for _ in 0..<runCount {
      clean.ours.append(try open(populated) { $0.abandon() })
      unclean.ours.append(try open(populated) { $0.close() })
    }
    return (clean, unclean)
  }

  /// The seconds until the store is open; `end` ends it.
  private func open(_ populated: PopulatedStore, end: (CacheStore) -> Void) throws -> Double {
    try populated.dropIndexPages()
    var store: CacheStore?
    let seconds = try timed { store = try populated.open() }
    guard let store, store.openReport.blockCount == populated.usedCount else {
      throw StageError("the store has \(store?.openReport.blockCount ?? 0) blocks only")
    }
    end(store)
    return seconds
  }
}
