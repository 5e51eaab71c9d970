internal import ArgumentParser
internal import Linux
internal import PageTier

/// A page tier that holds as much memory as the watcher allows; prints once a second what it has.
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
    var load = try ReadLoad(byteCount: maximum << 20)
    let tier = load.tier
    let watcher = try PressureWatcher(
      budget: MemoryBudget(maximum: maximum << 20, minimum: minimum << 20),
      use: { tier.statistics.arenaByteCount }, apply: { tier.setBudget(byteCount: $0) })
    defer { watcher.stop() }
    print("signals: \(watcher.signals)")
    let start = MonotonicClock.now
    var nextLine = start
    let end = start + UInt64(seconds) * 1_000_000_000
    while MonotonicClock.now < end {
      // Some 400 MiB a second: no faster than a cache fills from a disk.
      load.read(count: 512)
      Thread.sleep(milliseconds: 5)
      guard MonotonicClock.now >= nextLine else { continue }
      nextLine += 1_000_000_000
      let status = watcher.status
      let spare = status.headroom.map { "\($0.spareByteCount >> 20)" } ?? "-"
      print(
        "\((MonotonicClock.now - start) / 1_000_000_000) s:",
        "target \(status.target >> 20), use \(tier.statistics.arenaByteCount >> 20),",
        "spare \(spare) MiB; \(load.readCount) reads, \(load.wrongCount) wrong;",
        "\(status.lookCount) looks, \(status.pressureCount) notices,",
        "\(status.shrinkCount) shrinks")
    }
    guard load.wrongCount == 0 else { throw ExitCode.failure }
  }
}
