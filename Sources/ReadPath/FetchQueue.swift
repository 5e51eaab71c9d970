package import Linux

/// A run of neighbouring blocks to be had by one origin request.
struct FetchRun: Sendable {
  let object: CachedObject
  var blocks: Range<UInt32>
  /// Whether somebody waits for it; what nobody waits for is fetched after what somebody does.
  let isDemanded: Bool
}

/// Turns missing blocks into disk reads and origin requests, a bounded number at a time.
///
/// Misses that wait here together and are neighbours leave as one request. Threads of its own do
/// the fetching, for publishing a block may block on the disk cache. Thread-safe.
package final class FetchQueue: Sendable {
  private struct State {
    var demanded: [FetchRun] = []
    var ahead: [FetchRun] = []
    var isClosed = false
  }

  /// The longest run of one request: long enough to amortise a round trip, short enough to wait.
  static let runByteLimit = 2 << 20
  /// Read-ahead is dropped, not queued, beyond this many waiting runs.
  private static let aheadLimit = 32

  private let state = Lock(State())
  private let threads = Lock<[Thread]>([])

  /// A queue of `threadCount` fetching threads, which is also the limit of concurrent requests.
  package init(threadCount: Int = 8) throws(SystemError) {
    for index in 0..<threadCount {
      let thread = try Thread(name: "fetch-\(index)") { [state] in
        while let run = Self.next(state) { run.object.load(run.blocks) }
      }
      threads.withLock { $0.append(thread) }
    }
  }

  deinit {
    close()
  }

  /// Finishes what was asked for and ends the threads; what comes later fails.
  package func close() {
    state.withLock { $0.isClosed = true }
    state.signalAll()
    let ended = threads.withLock { threads in
      defer { threads = [] }
      return threads
    }
    for thread in ended { thread.join() }
  }

  /// The blocks that wait for a thread: those that somebody waits for, and those ahead.
  package var waitingBlockCounts: (demanded: Int, ahead: Int) {
    state.withLock { state in
      (
        state.demanded.reduce(0) { $0 + $1.blocks.count },
        state.ahead.reduce(0) { $0 + $1.blocks.count }
      )
    }
  }

  /// Moves the run ahead that holds `block` of `object`, if one waits, to what is waited for.
  func promote(_ block: UInt32, of object: CachedObject) {
    state.withLock { state in
      let position = state.ahead.firstIndex { run in
        run.object === object && run.blocks.contains(block)
      }
      guard let position else { return }
      Self.merge(state.ahead.remove(at: position), into: &state.demanded)
    }
  }

  /// Queues `run`; false when it was turned down: the caller then lands its blocks itself.
  func enqueue(_ run: FetchRun) -> Bool {
    let isAccepted = state.withLock { state in
      if state.isClosed || (!run.isDemanded && state.ahead.count >= Self.aheadLimit) {
        return false
      }
      if run.isDemanded {
        Self.merge(run, into: &state.demanded)
      } else {
        Self.merge(run, into: &state.ahead)
      }
      return true
    }
    if isAccepted { state.signalAll() }
    return isAccepted
  }

  private static func merge(_ run: FetchRun, into waiting: inout [FetchRun]) {
    let limit = UInt32(runByteLimit / run.object.blockByteCount)
    for index in waiting.indices where waiting[index].object === run.object {
      let other = waiting[index].blocks
      guard other.count + run.blocks.count <= limit else { continue }
      if other.upperBound == run.blocks.lowerBound {
        waiting[index].blocks = other.lowerBound..<run.blocks.upperBound
        return
      }
      if run.blocks.upperBound == other.lowerBound {
        waiting[index].blocks = run.blocks.lowerBound..<other.upperBound
        return
      }
    }
    waiting.append(run)
  }

  /// The next run to fetch, or nil when the queue is closed and empty.
  private static func next(_ state: Lock<State>) -> FetchRun? {
    let outcome: FetchRun?? = state.wait { state in
      if !state.demanded.isEmpty { return .some(state.demanded.removeFirst()) }
      if !state.ahead.isEmpty { return .some(state.ahead.removeFirst()) }
      return state.isClosed ? .some(nil) : nil
    }
    return outcome ?? nil
  }
}
