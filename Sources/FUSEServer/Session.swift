internal import FUSEProtocol
internal import Linux
internal import Synchronization

/// A filesystem being served through one mount.
///
/// Invariants: ``run()`` is called once. No request is dropped by ``stop()``: those that were taken
/// from the kernel are answered before ``run()`` returns, and the device is closed only then.
package final class Session: Sendable {
  private let filesystem: any Filesystem
  private let options: ServingOptions
  private let workers: [Worker]
  private let crew: Crew
  /// Taken by ``run()``.
  private let device: Lock<FUSEDevice?>
  /// What another process settled in INIT; nil when that is still to be done.
  private let adopted: SessionSettings?
  private let settled = Lock<SessionState?>(nil)
  /// Requests there had been when threads were looked at last.
  private let seenRequestCount = Atomic<UInt64>(0)

  /// A session that serves `filesystem` to the mount behind `device`.
  package convenience init(
    filesystem: any Filesystem, device: FUSEDevice, options: ServingOptions = ServingOptions()
  ) {
    self.init(filesystem: filesystem, device: device, adopted: nil, options: options)
  }

  /// A session that goes on with one of another process, which served an equal `filesystem`.
  ///
  /// To be run when that process serves no more: what it took and did not answer is asked again then
  /// (Linux 6.9), and only then.
  package convenience init(
    filesystem: any Filesystem, adopting state: SessionState,
    options: ServingOptions = ServingOptions()
  ) {
    self.init(
      filesystem: filesystem, device: state.device, adopted: state.settings, options: options)
  }

  private init(
    filesystem: any Filesystem, device: FUSEDevice, adopted: SessionSettings?,
    options: ServingOptions
  ) {
    self.adopted = adopted
    self.filesystem = filesystem
    self.options = options
    let threadCountMax = max(1, options.threadCount, options.threadCountMax)
    workers = (0..<threadCountMax).map { _ in Worker() }
    crew = Crew(countMax: threadCountMax, lastingCount: max(1, options.threadCount))
    self.device = Lock(device)
  }

  /// As the initialiser above, for a fixed number of threads and otherwise defaults.
  package convenience init(
    filesystem: any Filesystem, device: FUSEDevice, threadCount: Int
  ) {
    let options = ServingOptions(threadCount: threadCount, threadCountMax: threadCount)
    self.init(filesystem: filesystem, device: device, options: options)
  }

  /// Serves until the filesystem is unmounted or ``stop()`` is called; blocks the calling thread.
  ///
  /// Lets go of the device in the end; the mount's connection closes with its last holder.
  package func run() throws(FUSEError) {
    guard let device = device.withLock({ $0.take() }) else { return }
    let serving = Lock<(Dispatcher, Connection)?>(nil)
    defer {
      settled.withLock { $0 = nil }
      serving.withLock { $0 }?.1.close()
    }
    // The first thread settles INIT, lets the others start, then serves like them.
    let hasStarted = crew.start { index throws(FUSEError) in
      guard let settings = try self.settings(of: device) else { return }
      let dispatcher = self.dispatcher(settings)
      let connection = Connection(device, offered: settings.offered)
      serving.withLock { $0 = (dispatcher, connection) }
      self.settled.withLock { $0 = SessionState(device: device, settings: settings) }
      if self.adopted != nil { connection.resend() }
      self.filesystem.connected(connection)
      self.crew.becomeReady()
      try self.workers[index].serve(device, dispatcher, self.crew, as: index)
    }
    guard hasStarted else {
      throw FUSEError(.system(.tryAgain), detail: "no thread to serve with")
    }
    if crew.awaitReadiness(), let dispatcher = serving.withLock({ $0?.0 }) {
      for _ in 0..<max(0, options.threadCount - 1) { addThread(device, dispatcher) }
      try crew.awaitEnd {
        addThread(device, dispatcher)
      } onRest: {
        giveBack()
      }
    } else {
      try crew.awaitEnd()
    }
  }

  /// Makes ``run()`` return once the requests at hand are answered; any thread may call it.
  ///
  /// The mount stays, dead: unmount it first, lazily if it is in use.
  package func stop() {
    crew.stop()
  }

  /// What a successor needs to go on with the session; nil before INIT was answered, and when the session
  /// is over.
  ///
  /// The mount lives as long as this is held, by whatever process. To hand over take it, then
  /// ``stop()``: requests that come in between wait for the successor. Where files are passed through that
  /// one must go on with what they are read from, too, and with the filesystem's table of them as it is
  /// when ``run()`` has returned: the kernel refuses to open a file in two ways at once.
  package var state: SessionState? { settled.withLock { $0 } }

  /// How many threads serve now.
  package var threadCount: Int { crew.threadCount }

  /// What the session has done so far.
  package var counts: SessionCounts {
    workers.reduce(into: SessionCounts()) { counts, worker in
      counts.requestCount += worker.requestCount.load(ordering: .relaxed)
      counts.failureCount += worker.failureCount.load(ordering: .relaxed)
      counts.lostReplyCount += worker.lostReplyCount.load(ordering: .relaxed)
    }
  }

  /// When nobody asks for anything, gives back what answering took the filesystem and the allocator;
  /// whether there is more to do.
  private func giveBack() -> Bool {
    let requestCount = counts.requestCount
    guard seenRequestCount.exchange(requestCount, ordering: .relaxed) == requestCount else {
      return true
    }
    crew.dismissSpares()
    filesystem.rested()
    return !HeapMemory.returnUnused()
  }

  /// Adds a thread to serve with, if there may be more; without it the others are enough.
  private func addThread(_ device: FUSEDevice, _ dispatcher: Dispatcher) {
    _ = crew.start { index throws(FUSEError) in
      try self.workers[index].serve(device.cloneOrSelf(), dispatcher, self.crew, as: index)
    }
  }

  private func dispatcher(_ settings: SessionSettings) -> Dispatcher {
    var options = options
    options.handleless = settings.handleless
    return Dispatcher(
      filesystem: filesystem, options: options, listsHandleless: settings.listsHandleless,
      contexts: workers.map(\.context))
  }

  private func settings(of device: FUSEDevice) throws(FUSEError) -> SessionSettings? {
    if let adopted { return adopted }
    return try negotiate(device)
  }

  /// Answers INIT, which the kernel sends first; nil when the mount is gone or the session stops.
  private func negotiate(_ device: FUSEDevice) throws(FUSEError) -> SessionSettings? {
    var buffer = AlignedBuffer(byteCount: Worker.requestByteCountMax)
    var reply = AlignedBuffer(byteCount: Dispatcher.payloadOffset + InitReply.byteCount)
    var received = 0
    while received == 0 {
      if crew.isStopping { return nil }
      switch Worker.receive(from: device, into: &buffer) {
      case .message(let byteCount): received = byteCount
      case .nothing: continue
      case .end: return nil
      case .failure(let errno): throw FUSEError(.system(errno), detail: "reading /dev/fuse")
      }
    }
    var target = reply.mutableBytes
    let (answer, negotiation) = Negotiation.answer(
      buffer.bytes.extracting(first: received), options: options, in: &target)
    if let range = answer.reply {
      try? device.descriptor.writeMessage(reply.bytes.extracting(range))
    }
    guard let negotiation else { throw FUSEError(.unsupportedKernel) }
    return negotiation.settings
  }
}
