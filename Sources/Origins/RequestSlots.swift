internal import Linux

/// Bounds the requests under way to one host; those beyond it wait their turn, first come first.
///
/// The HTTP client has a bound of its own, but fails a request that waited for a connection as
/// long as connecting may take, and a busy origin is not a dead one.
final class RequestSlots: Sendable {
  private struct State {
    var free: Int
    var nextTicket: UInt64 = 0
    /// In order of arrival.
    var waiting: [(ticket: UInt64, continuation: CheckedContinuation<Bool, Never>)] = []
  }

  private let state: Lock<State>

  init(count: Int) {
    state = Lock(State(free: count))
  }

  /// Takes a slot, to be given back with ``release()``; false when the task was cancelled first.
  func acquire() async -> Bool {
    let ticket = state.withLock { state in
      state.nextTicket += 1
      return state.nextTicket
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let answer: Bool? = state.withLock { state in
          if Task.isCancelled { return false }
          if state.free > 0 {
            state.free -= 1
            return true
          }
          state.waiting.append((ticket, continuation))
          return nil
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      // Either the waiter is in the list by now, or it will see that its task is cancelled.
      let waiter = state.withLock { state in
        let index = state.waiting.firstIndex { $0.ticket == ticket }
        return index.map { state.waiting.remove(at: $0).continuation }
      }
      waiter?.resume(returning: false)
    }
  }

  /// Hands the slot to the first in the queue, or back.
  func release() {
    let next = state.withLock { state -> CheckedContinuation<Bool, Never>? in
      guard state.waiting.isEmpty else { return state.waiting.removeFirst().continuation }
      state.free += 1
      return nil
    }
    next?.resume(returning: true)
  }
}
