internal import CLinux

/// A kernel thread of our own: data-path code blocks in system calls, which the cooperative pool
/// must never do.
@safe
package final class Thread: @unchecked Sendable {
  private let handle: pthread_t
  private let joined = Lock(false)

  /// Starts `body` on a new thread; `name` (15 bytes are kept) shows in `ps -T`.
  package init(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    let start = unsafe Unmanaged.passRetained(Start(name: name, body: body))
    var handle = pthread_t()
    let status = unsafe pthread_create(
      &handle, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        unsafe pthread_setname_np(pthread_self(), String(start.name.prefix(15)))
        start.body()
        return nil
      }, start.toOpaque())
    guard status == 0 else {
      unsafe start.release()
      throw SystemError(call: "pthread_create", errno: Errno(rawValue: status))
    }
    self.handle = handle
  }

  deinit {
    // Nobody can wait for it any more; its stack goes when it ends.
    if !joined.withLock({ $0 }) { pthread_detach(handle) }
  }

  /// Waits for the thread to end; further calls return at once.
  ///
  /// From the thread itself, which cannot wait for its own end, it returns at once as well.
  package func join() {
    let first = joined.withLock { done in
      defer { done = true }
      return !done
    }
    guard first else { return }
    if pthread_equal(handle, pthread_self()) != 0 {
      pthread_detach(handle)
    } else {
      pthread_join(handle, nil)
    }
  }

  /// Makes the system call that the thread is blocked in, if any, fail with EINTR.
  ///
  /// Only a thread that called ``acceptInterrupts()`` feels it. One that is about to block does
  /// not: repeat until the thread has answered. Call it only before ``join()``.
  package func interrupt() {
    _ = cullet_interrupt(handle)
  }

  /// Lets ``interrupt()`` reach the calling thread.
  package static func acceptInterrupts() {
    cullet_accept_interrupts()
  }

  private final class Start {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
}

extension Thread {
  /// Lets every other thread of the machine go first, for work that may wait.
  package static func yieldToOthers() {
    // Process 0 is, on Linux, the calling thread; to ask for less needs no privilege.
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
  }

  /// A number that differs between most threads that run at a time, in its low bits too.
  package static var currentHash: UInt {
    // Addresses of threads differ by the size of a stack.
    (UInt(pthread_self()) &* 0x9E37_79B9_7F4A_7C15) >> 32
  }

  /// Suspends the calling thread for at least `milliseconds`.
  package static func sleep(milliseconds: Int) {
    var time = timespec(
      tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
    var rest = timespec()
    while unsafe nanosleep(&time, &rest) != 0 { time = rest }
  }
}
