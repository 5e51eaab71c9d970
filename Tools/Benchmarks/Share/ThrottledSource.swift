internal import EROFSReader
internal import Linux
internal import Synchronization

/// A source that gives only so many bytes a second, in the blocks that the store would read.
final class ThrottledSource: BlockSource {
  private static let blockByteCount: UInt64 = 64 << 10

  /// How fast all sources that share it are.
  final class Rate: Sendable {
    private let nanosecondsPerByte: Double
    private let on = Atomic(true)
    private let free = Lock<UInt64>(0)

    init(_ bytesPerSecond: Double) {
      nanosecondsPerByte = 1e9 / bytesPerSecond
    }

    var isOn: Bool {
      get { on.load(ordering: .relaxed) }
      set { on.store(newValue, ordering: .relaxed) }
    }

    /// Returns when a device that does one thing at a time would have read `byteCount`.
    func spend(_ byteCount: UInt64) {
      guard isOn else { return }
      let end = free.withLock { free -> UInt64 in
        free = max(free, MonotonicClock.now) + UInt64(Double(byteCount) * nanosecondsPerByte)
        return free
      }
      // Waiting by the clock: a sleep takes as long as it likes.
      while MonotonicClock.now < end {}
    }
  }

  private let source: any BlockSource
  private let rate: Rate

  init(_ source: any BlockSource, rate: Rate) {
    self.source = source
    self.rate = rate
  }

  var byteCount: UInt64 { source.byteCount }

  func read(into target: inout MutableRawSpan, at offset: UInt64) throws(SourceError) {
    let end = offset + UInt64(target.byteCount)
    let first = offset / Self.blockByteCount
    let last = (end + Self.blockByteCount - 1) / Self.blockByteCount
    rate.spend((last - first) * Self.blockByteCount)
    try source.read(into: &target, at: offset)
  }
}
