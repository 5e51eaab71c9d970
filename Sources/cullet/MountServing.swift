internal import Linux
internal import Logging
internal import Node

/// Serves a mount from this process, or sees to it that the owner of the cache does.
struct MountServing {
  let cache: CacheDirectory
  let request: MountRequest
  /// Whether to stay until the mount ends even when another process serves it.
  let isForeground: Bool

  /// Mounts, calls `onReady`, and returns when the mount has ended or a signal asked for the end.
  func run(onReady: () -> Void = {}) throws {
    let signals = Signals(blocking: [Signals.interrupt, Signals.terminate, Signals.wake])
    let logger = Logger(label: "cullet", factory: StreamLogHandler.standardError(label:))
    switch try MountLauncher.claim(cache, log: { logger.error("\($0)") }) {
    case .owned(let node):
      try serve(with: node, until: signals, onReady: onReady)
    case .served(let client):
      try client.mount(request)
      onReady()
      if isForeground { try wait(for: client, until: signals) }
    }
  }

  private func serve(with node: Node, until signals: Signals, onReady: () -> Void) throws {
    do {
      try node.mount(request)
    } catch {
      node.close()
      throw error
    }
    onReady()
    _ = try Thread(name: "idle") {
      node.waitUntilIdle()
      Signals.raise(Signals.wake)
    }
    _ = signals.wait()
    node.close()
  }

  private func wait(for client: ControlClient, until signals: Signals) throws {
    _ = try Thread(name: "idle") { [request] in
      try? client.waitForUnmount(of: request.directory)
      Signals.raise(Signals.wake)
    }
    guard signals.wait() != Signals.wake else { return }
    try Unmounting.unmount(request.directory, lazily: false, cache: cache)
  }
}
