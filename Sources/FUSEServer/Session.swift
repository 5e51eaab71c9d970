internal import FUSEProtocol
internal import Linux
internal import Synchronization

/// A filesystem being served through one mount.
///
/// Invariants: ``run()`` is called once. No request is dropped by ``stop()``: those that were taken
/// from the kernel are answered before ``run()`` returns, and the device is closed only then.
package final class Session: Sendable {
  /// Between two attempts to wake threads that missed the last one on their way into read(2).
  private static let wakeInterval: UInt64 = 2_000_000

  private struct State {
    var device: FUSEDevice?
    var threads: [Thread] = []
    var liveThreadCount = 0
    /// Set once INIT is settled; the other threads start then.
    var dispatcher: Dispatcher?
    var failure: FUSEError?
  }

  private let filesystem: any Filesystem
  private let options: ServingOptions
  private let workers: [Worker]
  private let stopping = Atomic(false)
  private let state: Lock<State>

  /// A session that serves `filesystem` to the mount behind `device`.
  package init(
    filesystem: any Filesystem, device: FUSEDevice, options: ServingOptions = ServingOptions()
  ) {
    self.filesystem = filesystem
    self.options = options
    workers = (0..<max(1, options.threadCount)).map { _ in Worker(context: RequestContext()) }
    state = Lock(State(device: device))
  }

  /// As the initialiser above, for `threadCount` threads and otherwise defaults.
  package convenience init(
    filesystem: any Filesystem, device: FUSEDevice, threadCount: Int
  ) {
    self.init(
      filesystem: filesystem, device: device, options: ServingOptions(threadCount: threadCount))
  }

  /// Serves until the filesystem is unmounted or ``stop()`` is called; blocks the calling thread.
  ///
  /// Lets go of the device in the end; the mount's connection closes with its last holder.
  package func run() throws(FUSEError) {
    guard let device = state.withLock({ $0.device.take() }) else { return }
    guard start(0, { worker throws(FUSEError) in try self.lead(worker, device) }) else {
      throw FUSEError(.system(.tryAgain), detail: "no thread to serve with")
    }
    wait { $0.dispatcher != nil || $0.liveThreadCount == 0 }
    if let dispatcher = state.withLock({ $0.dispatcher }) {
      for index in workers.indices.dropFirst() {
        let clone = device.cloneOrSelf()
        // Without the thread there are fewer to serve, but enough.
        _ = start(index) { worker throws(FUSEError) in
          try self.serve(worker, clone, dispatcher)
        }
      }
    }
    wait { $0.liveThreadCount == 0 }
    let (threads, failure) = state.withLock { state in
      defer { state.threads = [] }
      return (state.threads, state.failure)
    }
    for thread in threads { thread.join() }
    if let failure { throw failure }
  }

  /// Makes ``run()`` return once the requests at hand are answered; any thread may call it.
  ///
  /// The mount stays, dead: unmount it first, lazily if it is in use.
  package func stop() {
    stopping.store(true, ordering: .releasing)
    state.signalAll()
  }

  /// What the session has done so far.
  package var counts: SessionCounts {
    workers.reduce(into: SessionCounts()) { counts, worker in
      counts.requestCount += worker.requestCount.load(ordering: .relaxed)
      counts.failureCount += worker.failureCount.load(ordering: .relaxed)
      counts.lostReplyCount += worker.lostReplyCount.load(ordering: .relaxed)
    }
  }

  private var isStopping: Bool { stopping.load(ordering: .acquiring) }

  /// Starts the thread of worker `index`; false when the system has none left.
  private func start(
    _ index: Int, _ body: @escaping @Sendable (Worker) throws(FUSEError) -> Void
  ) -> Bool {
    let worker = workers[index]
    state.withLock { $0.liveThreadCount += 1 }
    do throws(SystemError) {
      let thread = try Thread(name: "fuse-\(index)") {
        Thread.acceptInterrupts()
        worker.context.adopt {
          do throws(FUSEError) {
            try body(worker)
          } catch {
            self.fail(error)
          }
        }
        self.state.withLock { $0.liveThreadCount -= 1 }
        self.state.signalAll()
      }
      state.withLock { $0.threads.append(thread) }
      return true
    } catch {
      state.withLock { $0.liveThreadCount -= 1 }
      return false
    }
  }

  /// Keeps the first failure and ends the others' work.
  private func fail(_ error: FUSEError) {
    state.withLock { state in
      if state.failure == nil { state.failure = error }
    }
    stop()
  }

  /// Waits until `condition` holds; meanwhile, once stopping, wakes threads out of read(2).
  private func wait(for condition: (State) -> Bool) {
    while true {
      let isStopping = self.isStopping
      let deadline = isStopping ? MonotonicClock.now + Self.wakeInterval : nil
      let isDone = state.wait(until: deadline) { state -> Bool? in
        if condition(state) { return true }
        return isStopping == self.isStopping ? nil : false
      }
      if isDone == true { return }
      for thread in state.withLock({ $0.threads }) { thread.interrupt() }
    }
  }

  /// The first thread's work: settles INIT, lets the others start, then serves like them.
  private func lead(_ worker: Worker, _ device: FUSEDevice) throws(FUSEError) {
    guard let dispatcher = try negotiate(device) else { return }
    state.withLock { $0.dispatcher = dispatcher }
    state.signalAll()
    try serve(worker, device, dispatcher)
  }

  private func serve(
    _ worker: Worker, _ device: FUSEDevice, _ dispatcher: Dispatcher
  ) throws(FUSEError) {
    try worker.serve(device, dispatcher) { self.isStopping }
  }

  /// Answers INIT, which the kernel sends first; nil when the mount is gone or the session stops.
  private func negotiate(_ device: FUSEDevice) throws(FUSEError) -> Dispatcher? {
    var buffer = AlignedBuffer(byteCount: Worker.requestByteCountMax)
    var reply = AlignedBuffer(byteCount: Dispatcher.payloadOffset + InitReply.byteCount)
    var byteCount = 0
    while byteCount == 0 {
      if isStopping { return nil }
      guard let received = try Worker.receive(from: device, into: &buffer) else { return nil }
      byteCount = received
    }
    var target = reply.mutableBytes
    let (answer, negotiation) = Negotiation.answer(
      buffer.bytes.extracting(first: byteCount), options: options, in: &target)
    if let range = answer.reply {
      try? device.descriptor.writeMessage(reply.bytes.extracting(range))
    }
    guard let negotiation else { throw FUSEError(.unsupportedKernel) }
    var options = options
    options.handleless = negotiation.handleless
    return Dispatcher(
      filesystem: filesystem, options: options, contexts: workers.map(\.context))
  }
}
