internal import ArgumentParser
internal import Linux
internal import PageTier

/// Holds as much memory as the watcher allows, and prints it once a second.
struct Yield: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Hold as much memory as the machine's pressure allows.")

  @Option(help: "MiB to hold at most.") var maximum: Int
  @Option(help: "MiB to keep in any case.") var minimum = 16
  @Option(help: "Seconds to go on.") var seconds = 10

  func validate() throws {
    guard (1...1 << 30).contains(maximum), minimum >= 0, seconds >= 1 else {
      throw ValidationError("--maximum and --seconds are at least 1, --minimum at least 0")
    }
  }

  func run() throws {
    let pool = try ArenaPool(maximum: maximum << 20)
    let watcher = try PressureWatcher(
      budget: MemoryBudget(maximum: maximum << 20, minimum: minimum << 20),
      use: { pool.use }, apply: { target in pool.shrink(to: target) })
    defer { watcher.stop() }
    print("signals: \(watcher.signals)")
    let start = MonotonicClock.now
    var nextLine = start
    let end = start + UInt64(seconds) * 1_000_000_000
    while MonotonicClock.now < end {
      // 400 MiB a second: no faster than a cache fills from a disk.
      if !pool.grow() { Thread.sleep(milliseconds: 5) } else { Thread.sleep(milliseconds: 4) }
      guard MonotonicClock.now >= nextLine else { continue }
      nextLine += 1_000_000_000
      let status = watcher.status
      let spare = status.headroom.map { "\($0.spareByteCount >> 20)" } ?? "-"
      print(
        "\((MonotonicClock.now - start) / 1_000_000_000) s:",
        "target \(status.target >> 20), use \(pool.use >> 20), spare \(spare) MiB;",
        "\(status.lookCount) looks, \(status.pressureCount) notices,",
        "\(status.shrinkCount) shrinks, slowest \(pool.slowestShrink / 1000) µs")
    }
  }
}
