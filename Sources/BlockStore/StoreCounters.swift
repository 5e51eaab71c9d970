internal import Synchronization

/// What the store has done since it was opened.
final class StoreCounters: Sendable {
  let hits = Atomic<UInt64>(0)
  let misses = Atomic<UInt64>(0)
  let staleReads = Atomic<UInt64>(0)
  let filledBlocks = Atomic<UInt64>(0)
  let droppedFills = Atomic<UInt64>(0)
  let refusedFills = Atomic<UInt64>(0)
  let culledBlocks = Atomic<UInt64>(0)
  let checksumFailures = Atomic<UInt64>(0)
  let readErrors = Atomic<UInt64>(0)
  let writeErrors = Atomic<UInt64>(0)
  let commits = Atomic<UInt64>(0)
  let dataSyncs = Atomic<UInt64>(0)
}

extension Atomic where Value == UInt64 {
  /// Adds to a statistic, which orders nothing.
  func count(_ amount: Int = 1) {
    wrappingAdd(UInt64(amount), ordering: .relaxed)
  }

  var value: UInt64 { load(ordering: .relaxed) }
}
