internal import Linux

/// Threads that share out the pieces of a job with whoever brings it.
///
/// Several threads may bring jobs at once. Ends its threads with itself.
final class DecodingCrew: Sendable {
  /// What the threads wait for.
  private struct Queue {
    /// Those of whose pieces some may be left, oldest first.
    var jobs: [Job] = []
    var isClosed = false
  }

  private let queue = Lock(Queue())
  private let threads: [Thread]

  /// A crew of up to `threadCount` threads; of fewer when the system gives no more.
  init(threadCount: Int) {
    let queue = self.queue
    threads = (0..<threadCount).compactMap { _ in
      try? Thread(name: "decoder") { Self.work(queue) }
    }
  }

  deinit {
    queue.withLock { $0.isClosed = true }
    queue.signalAll()
    for thread in threads { thread.join() }
  }

  /// Runs `body` for every number below `pieceCount`, and returns when all of them are done.
  ///
  /// The calling thread takes its share, so this ends even when no other thread has time.
  func perform(pieceCount: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let job = Job(pieceCount: pieceCount, body: body)
    queue.withLock { $0.jobs.append(job) }
    queue.signalAll()
    job.takePart()
    queue.withLock { queue in queue.jobs.removeAll { $0 === job } }
    job.waitForOthers()
  }

  private static func work(_ queue: Lock<Queue>) {
    while true {
      let job: Job?? = queue.wait { queue in
        if queue.isClosed { return .some(nil) }
        queue.jobs.removeAll { !$0.hasPieces }
        return queue.jobs.first.map { .some($0) }
      }
      guard case .some(.some(let job)) = job else { return }
      job.takePart()
    }
  }

  /// Pieces that any thread may take.
  private final class Job: Sendable {
    private struct Progress {
      var untaken: Range<Int>
      var unfinishedCount: Int
    }

    private let progress: Lock<Progress>
    private let body: @Sendable (Int) -> Void

    init(pieceCount: Int, body: @escaping @Sendable (Int) -> Void) {
      progress = Lock(Progress(untaken: 0..<pieceCount, unfinishedCount: pieceCount))
      self.body = body
    }

    var hasPieces: Bool { progress.withLock { !$0.untaken.isEmpty } }

    /// Does pieces as long as there are any.
    func takePart() {
      while let piece = progress.withLock({ $0.untaken.popFirst() }) {
        body(piece)
        let isLast = progress.withLock { progress in
          progress.unfinishedCount -= 1
          return progress.unfinishedCount == 0
        }
        if isLast { progress.signalAll() }
      }
    }

    /// Waits until the pieces that other threads took are done.
    func waitForOthers() {
      _ = progress.wait { $0.unfinishedCount == 0 ? true : nil }
    }
  }
}
