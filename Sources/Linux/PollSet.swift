internal import CLinux

/// Descriptors that one thread waits for together.
///
/// It owns none of them; they have to outlive it. Waiting allocates nothing.
package struct PollSet {
  /// What is waited for.
  package enum Interest: Sendable {
    /// Bytes to read, as of an ``EventCounter``.
    case readable
    /// What is exceptional, as of a ``PressureTrigger``.
    case exceptional
  }

  /// What a wait found of one descriptor.
  package enum State: Sendable {
    case quiet
    case ready
    /// What it was about is gone, or, of a cgroup's file of events, may just have changed: it can
    /// be read then.
    case failed
  }

  private var requests: [pollfd] = []

  package init() {}

  /// Adds a descriptor; returns the index by which ``state(of:)`` knows it.
  package mutating func add(_ descriptor: borrowing FileDescriptor, _ interest: Interest) -> Int {
    let events = interest == .readable ? POLLIN : POLLPRI
    requests.append(pollfd(fd: descriptor.rawValue, events: Int16(events), revents: 0))
    return requests.count - 1
  }

  /// Waits until one of them is ready, or for `milliseconds`, less when a signal comes.
  package mutating func wait(milliseconds: Int) throws(Errno) {
    let timeout = Int32(clamping: milliseconds)
    let count = unsafe poll(&requests, nfds_t(requests.count), timeout)
    if count >= 0 { return }
    let errno = Errno.current
    for index in requests.indices { requests[index].revents = 0 }
    if errno != .interrupted { throw errno }
  }

  /// What the last wait found of the descriptor that was added as `index`.
  package func state(of index: Int) -> State {
    let request = requests[index]
    if request.revents == 0 { return .quiet }
    // An error comes together with all that could be waited for.
    return request.revents & ~request.events == 0 ? .ready : .failed
  }

  /// Waits for the descriptor of `index` no more.
  package mutating func ignore(_ index: Int) {
    // poll(2) passes over negative numbers.
    requests[index].fd = -1
    requests[index].revents = 0
  }
}
