internal import Linux

/// Jobs that several threads work on, and whose results are placed one at a time, in order.
///
/// A job goes through three steps: it is worked on, placed – in the order of the jobs, by whichever
/// thread is free – and finished, beside others. At most `windowCount` jobs are begun and not yet
/// placed, which bounds memory. What is computed does not depend on the number of threads, and
/// neither does which failure of the first two steps is reported.
final class OrderedPipeline<Job: Sendable, Output: Sendable, Placed: Sendable>: Sendable {
  /// What is done to a job; each may run on any thread, and only `place` on one at a time.
  struct Steps: Sendable {
    /// Makes a function for each thread.
    let makeWorker: @Sendable () -> (Job) throws(BuildError) -> Output
    let place: @Sendable (Output) throws(BuildError) -> Placed
    let finish: @Sendable (Placed) throws(BuildError) -> Void
  }

  private struct State {
    var nextSequence = 0
    var placedCount = 0
    var isPlacing = false
    var runningThreadCount = 0
    /// Nil once there are no more jobs.
    var jobs: (() -> Job?)?
    var results: [Int: Result<Output, BuildError>] = [:]
    var failure: BuildError?
  }

  private let state: Lock<State>
  private let windowCount: Int
  private let steps: Steps

  /// A pipeline of what `jobs` returns until it returns nil; it is called by one thread at a time.
  init(windowCount: Int, steps: Steps, jobs: @escaping @Sendable () -> Job?) {
    self.windowCount = windowCount
    self.steps = steps
    state = Lock(State(jobs: jobs))
  }

  /// Runs the jobs on `threadCount` threads; `onPlaced` is called on the calling thread, now and
  /// then, and behind the last.
  func run(threadCount: Int, onPlaced: () -> Void = {}) throws(BuildError) {
    var threads: [Thread] = []
    state.withLock { $0.runningThreadCount = threadCount }
    do throws(SystemError) {
      for number in 0..<threadCount {
        threads.append(try Thread(name: "pack-\(number)") { [self] in runThread() })
      }
    } catch {
      fail(.output(error))
      state.withLock { $0.runningThreadCount -= threadCount - threads.count }
    }
    var seenCount = 0
    while true {
      let isDone: Bool? = state.wait { state in
        let isDone = state.runningThreadCount == 0
        guard isDone || state.placedCount > seenCount else { return nil }
        seenCount = state.placedCount
        return isDone
      }
      onPlaced()
      if isDone ?? true { break }
    }
    for thread in threads { thread.join() }
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }

  private func runThread() {
    let work = steps.makeWorker()
    while let (sequence, job) = takeJob() {
      let result = Self.result { () throws(BuildError) in try work(job) }
      state.withLock { $0.results[sequence] = result }
      do throws(BuildError) {
        while let result = takeResult() {
          try steps.finish(try place(result))
        }
      } catch {
        fail(error)
      }
    }
    state.withLock { $0.runningThreadCount -= 1 }
    state.signalAll()
  }

  private static func result(
    _ body: () throws(BuildError) -> Output
  ) -> Result<Output, BuildError> {
    do throws(BuildError) {
      return .success(try body())
    } catch {
      return .failure(error)
    }
  }

  /// The next job, once there is room for its result; nil when there is none.
  private func takeJob() -> (Int, Job)? {
    let taken: (Int, Job)?? = state.wait { [windowCount] state in
      if state.failure != nil || state.jobs == nil { return .some(nil) }
      guard state.nextSequence < state.placedCount + windowCount else { return nil }
      guard let job = state.jobs?() else {
        state.jobs = nil
        return .some(nil)
      }
      defer { state.nextSequence += 1 }
      return (state.nextSequence, job)
    }
    let job = taken ?? nil
    // Whoever waits for room learns that there is nothing more to do.
    if job == nil { state.signalAll() }
    return job
  }

  /// The next result in order, to be placed; nil when it is not there, or another thread places.
  ///
  /// That thread will look for more when it is done, so nothing is forgotten.
  private func takeResult() -> Result<Output, BuildError>? {
    state.withLock { state in
      guard !state.isPlacing, state.failure == nil,
        let result = state.results.removeValue(forKey: state.placedCount)
      else { return nil }
      state.isPlacing = true
      return result
    }
  }

  private func place(_ result: Result<Output, BuildError>) throws(BuildError) -> Placed {
    defer {
      state.withLock { state in
        state.isPlacing = false
        state.placedCount += 1
      }
      state.signalAll()
    }
    return try steps.place(try result.get())
  }

  private func fail(_ error: BuildError) {
    state.withLock { $0.failure = $0.failure ?? error }
    state.signalAll()
  }
}
