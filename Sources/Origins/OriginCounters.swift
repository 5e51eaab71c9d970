internal import ReadPath
internal import Synchronization

/// The counters behind ``OriginStatistics``; any thread may add at any time.
final class OriginCounters: Sendable {
  private let requests = Atomic<UInt64>(0)
  private let bytes = Atomic<UInt64>(0)
  private let retries = Atomic<UInt64>(0)
  private let failures = Atomic<UInt64>(0)

  func countResponse() { requests.wrappingAdd(1, ordering: .relaxed) }
  func count(bytes count: Int) { bytes.wrappingAdd(UInt64(count), ordering: .relaxed) }
  func countRetry() { retries.wrappingAdd(1, ordering: .relaxed) }
  func countFailure() { failures.wrappingAdd(1, ordering: .relaxed) }

  var snapshot: OriginStatistics {
    var statistics = OriginStatistics()
    statistics.requests = requests.load(ordering: .relaxed)
    statistics.bytes = bytes.load(ordering: .relaxed)
    statistics.retries = retries.load(ordering: .relaxed)
    statistics.failures = failures.load(ordering: .relaxed)
    return statistics
  }
}
