package import BlockStore
internal import Linux

/// Finds or starts the process that will serve a mount.
package struct MountLauncher: Sendable {
  /// Who serves a cache.
  package enum Claim: Sendable {
    /// This process does now.
    case owned(Node)
    /// Another one does already.
    case served(ControlClient)
  }

  /// Another command that holds the cache for its own time is waited for this long.
  private static let patienceNanoseconds: UInt64 = 30_000_000_000

  private let cache: CacheDirectory
  private let request: MountRequest

  package init(cache: CacheDirectory, request: MountRequest) {
    self.cache = cache
    self.request = request
  }

  /// Becomes the resident owner of the cache at `directory`, or finds the one there is.
  package static func claim(
    _ directory: CacheDirectory, indexHelper: IndexHelper? = nil,
    log: @escaping @Sendable (String) -> Void
  ) throws(Failure) -> Claim {
    let deadline = MonotonicClock.now + patienceNanoseconds
    while true {
      do throws(Failure) {
        return .owned(
          try Node(owning: directory, role: .resident, indexHelper: indexHelper, log: log))
      } catch {
        guard error.status == .tryAgain else { throw error }
        if let client = try ControlClient(directory: directory) {
          if (try? client.isResident()) == true { return .served(client) }
          try? client.handOver()
        }
        guard MonotonicClock.now < deadline else { throw error }
        Thread.sleep(milliseconds: 50)
      }
    }
  }

  /// Mounts through the resident owner, or starts one in the background; returns when usable.
  package func mountInBackground() throws(Failure) {
    if try mountThroughOwner() { return }
    let child: ControlChannel
    do throws(SystemError) {
      try Paths.createDirectory(cache.path, mode: 0o700)
      child = try start()
    } catch {
      throw Failure(
        error.errno == .accessDenied ? .noPermission : .cannotCreate, "\(error)")
    }
    try child.send(LaunchRequest(cacheDirectory: cache.path, mount: request))
    guard let outcome = try? child.receive(LaunchOutcome.self) else {
      throw Failure(
        .failure, "the process of the mount ended early; \(cache.logPath) may say why")
    }
    if let failure = outcome.failure { throw failure }
  }

  /// Has the resident owner mount; false when there is none, or it went away meanwhile.
  private func mountThroughOwner() throws(Failure) -> Bool {
    guard let client = try ControlClient(directory: cache) else { return false }
    do throws(Failure) {
      guard try client.isResident() else { return false }
      try client.mount(request)
      return true
    } catch {
      if error.isOwnerLost { return false }
      throw error
    }
  }

  /// Starts the serving process and gives it its task; returns where it will answer.
  private func start() throws(SystemError) -> ControlChannel {
    let sockets = try DescriptorPair.sockets()
    let null = try FileDescriptor(opening: "/dev/null", [.readWrite])
    let log = try FileDescriptor(
      opening: cache.logPath, [.writeOnly, .create, .append, .noFollow])
    _ = try DetachedProcess.start(
      Paths.executable,
      arguments: ["cullet", "mount-server", "--", request.sourceName, request.directory],
      descriptors: [null.rawValue, null.rawValue, log.rawValue, sockets.second.rawValue])
    return ControlChannel(sockets.keepingFirst())
  }
}
