internal import Linux

/// Jobs that several threads work on, whose results one thread gets in the order of the jobs.
///
/// At most `windowCount` jobs are begun and not yet consumed, which bounds memory. What is computed
/// does not depend on the number of threads, and neither does which failure is reported.
final class OrderedPipeline<Job: Sendable, Output: Sendable>: Sendable {
  private struct State {
    var nextSequence = 0
    var consumedCount = 0
    /// Nil once there are no more jobs.
    var jobs: (() -> Job?)?
    var results: [Int: Result<Output, BuildError>] = [:]
    var isStopped = false
  }

  private let state: Lock<State>
  private let windowCount: Int

  /// A pipeline of what `jobs` returns until it returns nil; it is called by one thread at a time.
  init(windowCount: Int, jobs: @escaping @Sendable () -> Job?) {
    self.windowCount = windowCount
    state = Lock(State(jobs: jobs))
  }

  /// Runs the jobs on `threadCount` threads, each with a function of its own to work on them, and
  /// gives every output to `consume` on the calling thread.
  func run(
    threadCount: Int,
    makeWorker: @escaping @Sendable () -> (Job) throws(BuildError) -> Output,
    consume: (Output) throws(BuildError) -> Void
  ) throws(BuildError) {
    var threads: [Thread] = []
    defer {
      state.withLock { $0.isStopped = true }
      state.signalAll()
      for thread in threads { thread.join() }
    }
    for number in 0..<threadCount {
      do throws(SystemError) {
        threads.append(
          try Thread(name: "pack-\(number)") { [self] in
            let work = makeWorker()
            while let (sequence, job) = takeJob() { put(Self.result(work, job), at: sequence) }
          })
      } catch {
        throw .output(error)
      }
    }
    while let output = try takeOutput() { try consume(output) }
  }

  private static func result(
    _ work: (Job) throws(BuildError) -> Output, _ job: Job
  ) -> Result<Output, BuildError> {
    do throws(BuildError) {
      return .success(try work(job))
    } catch {
      return .failure(error)
    }
  }

  /// The next job, once there is room for its result; nil when there is none.
  private func takeJob() -> (Int, Job)? {
    let taken: (Int, Job)?? = state.wait { [windowCount] state in
      if state.isStopped || state.jobs == nil { return .some(nil) }
      guard state.nextSequence < state.consumedCount + windowCount else { return nil }
      guard let job = state.jobs?() else {
        state.jobs = nil
        return .some(nil)
      }
      defer { state.nextSequence += 1 }
      return (state.nextSequence, job)
    }
    // Whoever waits for room learns that there is nothing more to do.
    state.signalAll()
    return taken ?? nil
  }

  private func put(_ result: Result<Output, BuildError>, at sequence: Int) {
    state.withLock { $0.results[sequence] = result }
    state.signalAll()
  }

  /// The next result in order; nil behind the last.
  private func takeOutput() throws(BuildError) -> Output? {
    let result: Result<Output, BuildError>?? = state.wait { state in
      if let result = state.results.removeValue(forKey: state.consumedCount) {
        state.consumedCount += 1
        return result
      }
      let isDone = state.jobs == nil && state.consumedCount == state.nextSequence
      return isDone ? .some(nil) : nil
    }
    state.signalAll()
    return try (result ?? nil)?.get()
  }
}
