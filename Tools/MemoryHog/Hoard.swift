internal import ArgumentParser
internal import CLinux
internal import Linux

/// Locks memory step by step, as a program that cannot be swapped, and ends after a while.
struct Hoard: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Lock memory step by step.")

  @Option(help: "MiB to lock.") var size: Int
  @Option(help: "MiB to lock a second at most; 0 for as fast as can be.") var rate = 0
  @Option(help: "Seconds to keep it.") var hold = 5

  func validate() throws {
    guard (1...1 << 30).contains(size), rate >= 0, hold >= 0 else {
      throw ValidationError("--size is at least 1, --rate and --hold at least 0")
    }
  }

  func run() throws {
    let step = 1 << 20
    let mapped = unsafe mmap(
      nil, size * step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let base = unsafe mapped, Int(bitPattern: base) != -1 else {
      throw SystemError(call: "mmap", errno: .current)
    }
    let start = MonotonicClock.now
    for index in 0..<size {
      guard unsafe mlock(base + index * step, step) == 0 else {
        throw SystemError(call: "mlock", errno: .current)
      }
      if rate > 0 {
        let due = start + UInt64(index + 1) * 1_000_000_000 / UInt64(rate)
        let now = MonotonicClock.now
        // Several steps at a time where they are shorter than a sleep can be.
        if due > now + 1_000_000 { Thread.sleep(milliseconds: Int((due - now) / 1_000_000)) }
      }
    }
    let milliseconds = (MonotonicClock.now - start) / 1_000_000
    print("locked \(size) MiB in \(milliseconds) ms")
    Thread.sleep(milliseconds: hold * 1000)
    unsafe munmap(base, size * step)
  }
}
