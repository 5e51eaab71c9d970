import Foundation
import Linux
import PageTier
import TestSupport
import Testing

@Suite struct PressureWatcherTests {
  private let proc: TemporaryDirectory

  init() throws {
    proc = try TemporaryDirectory()
  }

  /// Has the machine of `total` MiB say that so many are available.
  private func setAvailable(_ available: Int, of total: Int) throws {
    try proc.write(
      Array("MemTotal: \(total << 10) kB\nMemAvailable: \(available << 10) kB\n".utf8),
      to: "meminfo")
  }

  private func watcher(
    use: Int, minimum: Int = 0, _ targets: Lock<[Int]>
  ) throws -> PressureWatcher {
    try PressureWatcher(
      budget: MemoryBudget(maximum: 1000 << 20, minimum: minimum),
      signals: MemorySignals(procDirectory: proc.path), use: { use },
      apply: { target in targets.withLock { targets in targets.append(target) } })
  }

  @Test func `where nothing is told the target stays`() throws {
    let targets = Lock<[Int]>([])
    let watcher = try watcher(use: 1000 << 20, targets)
    #expect(watcher.signals.description == "none")
    watcher.stop()
    watcher.stop()
    #expect(targets.withLock { $0 } == [])
    #expect(watcher.status.target == 1000 << 20)
    #expect(watcher.status.lookCount == 0)
  }

  @Test func `a shortage reaches the tier`() async throws {
    try setAvailable(400, of: 2048)
    let targets = Lock<[Int]>([])
    let watcher = try watcher(use: 1000 << 20, targets)
    #expect(watcher.signals.description == "MemAvailable")
    #expect(await eventually { watcher.status.lookCount > 0 })
    #expect(targets.withLock { $0 } == [])
    // Of 2 GiB an eighth is to stay free.
    try setAvailable(156, of: 2048)
    #expect(await eventually { watcher.status.shrinkCount > 0 })
    watcher.stop()
    #expect(targets.withLock { $0.first } == 900 << 20)
  }

  @Test func `what is not given back is asked for again`() async throws {
    try setAvailable(156, of: 2048)
    let targets = Lock<[Int]>([])
    let watcher = try watcher(use: 1000 << 20, minimum: 900 << 20, targets)
    #expect(await eventually { targets.withLock { $0.count } >= 3 })
    watcher.stop()
    #expect(targets.withLock { Set($0) } == [900 << 20])
  }

  @Test func `the less is spare the more often it looks`() async throws {
    // 44 MiB are spare beyond a reserve of 256, so it looks about every 108 ms.
    try setAvailable(300, of: 2048)
    let watcher = try watcher(use: 1000 << 20, Lock([]))
    let start = MonotonicClock.now
    #expect(await eventually { watcher.status.lookCount >= 10 })
    #expect(MonotonicClock.now - start < 10_000_000_000)
    watcher.stop()
  }

  @Test func `files that stop making sense change nothing`() async throws {
    try setAvailable(300, of: 2048)
    let targets = Lock<[Int]>([])
    let watcher = try watcher(use: 1000 << 20, targets)
    try proc.write(Array("MemAvailable: none\n".utf8), to: "meminfo")
    #expect(await eventually { watcher.status.lookCount > 0 && watcher.status.headroom == nil })
    watcher.stop()
    #expect(targets.withLock { $0 } == [])
  }

  @Test func `stopping ends a long wait at once`() throws {
    // All is spare, so it would look once a second.
    try setAvailable(60_000, of: 64_000)
    for _ in 0..<20 {
      let watcher = try watcher(use: 0, Lock([]))
      let start = MonotonicClock.now
      watcher.stop()
      #expect(MonotonicClock.now - start < 900_000_000)
    }
  }

  @Test func `a watcher that nobody holds any more ends`() throws {
    try setAvailable(60_000, of: 64_000)
    let ended = EndMark()
    func start() throws {
      let mark = ended.child()
      _ = try PressureWatcher(
        budget: MemoryBudget(maximum: 1), signals: MemorySignals(procDirectory: proc.path),
        use: { mark.use }, apply: { _ in })
    }
    try start()
    #expect(ended.isOnlyHolder)
  }

  @Test func `this machine tells something`() async throws {
    let signals = MemorySignals()
    #expect(signals.description.contains("MemAvailable"))
    let watcher = try PressureWatcher(
      budget: MemoryBudget(maximum: 1 << 20), signals: signals, use: { 0 }, apply: { _ in })
    #expect(await eventually { watcher.status.headroom != nil })
    watcher.stop()
  }
}

/// Tells whether what it handed out is still held.
private final class EndMark {
  final class Child: Sendable {
    let use = 0
  }

  private weak var last: Child?

  func child() -> Child {
    let child = Child()
    last = child
    return child
  }

  var isOnlyHolder: Bool { last == nil }
}
