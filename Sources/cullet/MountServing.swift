internal import BlockStore
internal import Linux
internal import Logging
internal import Node

/// Serves a mount from this process, or sees to it that the owner of the cache does.
struct MountServing {
  let cache: CacheDirectory
  let request: MountRequest
  /// Whether to stay until the mount ends even when another process serves it.
  let isForeground: Bool

  /// Mounts, tells `onReady` how that went, and returns when the mount has ended or a signal asked
  /// for the end.
  ///
  /// The mount is taken back when `onReady` says that nobody wants it any more.
  func run(onReady: (Failure?) -> Bool = { _ in true }) throws {
    let signals = Signals(blocking: [Signals.interrupt, Signals.terminate, Signals.wake])
    let logger = Logger(label: "cullet", factory: StreamLogHandler.standardError(label:))
    let claim = try MountLauncher.claim(cache, indexHelper: .thisProgram) { logger.error("\($0)") }
    switch claim {
    case .owned(let node):
      defer { node.close() }
      let failure = mount(with: node, onReady)
      // Others may have mounted through this process meanwhile; they are served to their end.
      try waitForEnd(signals) { node.waitUntilIdle() }
      if let failure { throw failure }
    case .served(let client):
      if let failure = mount(with: client, onReady) { throw failure }
      guard isForeground else { return }
      let directory = request.directory
      let reason = try waitForEnd(signals) { try? client.waitForUnmount(of: directory) }
      if reason != Signals.wake {
        try Unmounting.unmount(directory, lazily: false, cache: cache)
      }
    }
  }

  /// Mounts, and returns why that failed, if it did.
  private func mount(
    with service: any CacheService, _ onReady: (Failure?) -> Bool
  ) -> Failure? {
    do throws(Failure) {
      try service.mount(request)
      if !onReady(nil) { _ = try service.unmount(request.directory, lazily: true) }
      return nil
    } catch {
      _ = onReady(error)
      return error
    }
  }

  /// The signal that ended the wait: ``Signals/wake`` when `condition` came true.
  @discardableResult
  private func waitForEnd(
    _ signals: Signals, of condition: @escaping @Sendable () -> Void
  ) throws -> Int32 {
    _ = try Thread(name: "idle") {
      condition()
      Signals.raise(Signals.wake)
    }
    return signals.wait()
  }
}
