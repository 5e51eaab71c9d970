internal import CLinux

/// Signals taken one after the other by a thread that waits for them, instead of by handlers.
package struct Signals: Sendable {
  package static let interrupt = SIGINT
  package static let terminate = SIGTERM
  /// Ends a process at once; nobody can wait for it or block it.
  package static let kill = SIGKILL
  /// Asks a waiting thread to look at its state again; no terminal or supervisor sends it.
  package static let wake = SIGUSR2

  private let numbers: [Int32]

  /// Blocks `numbers` in this thread and every thread it starts later: call it first in `main`.
  package init(blocking numbers: [Int32]) {
    self.numbers = numbers
    var set = Self.set(of: numbers)
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// The next of the signals, which may have come before the call.
  package func wait() -> Int32 {
    var set = Self.set(of: numbers)
    var number: Int32 = 0
    while unsafe sigwait(&set, &number) != 0 {}
    return number
  }

  /// Sends `number` to this process.
  package static func raise(_ number: Int32) {
    CLinux.kill(getpid(), number)
  }

  /// Makes a write to a closed pipe or socket fail with EPIPE instead of ending the process.
  package static func ignoreBrokenPipes() {
    cullet_ignore_broken_pipes()
  }

  private static func set(of numbers: [Int32]) -> sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for number in numbers { unsafe sigaddset(&set, number) }
    return set
  }
}
