package import BlockStore
internal import EROFSReader
internal import Linux
internal import Origins
internal import ReadPath

/// The one owner of a cache in this process: its store, its origins and its mounts.
///
/// Invariant: while a node lives, no other process has the cache open; they reach it at the
/// control socket. Thread-safe.
package final class Node: Sendable {
  /// Whether the owner stays for its mounts, or only for a command's time.
  package enum Role: Sendable {
    case resident, transient
  }

  private struct State {
    /// By location with its credentials: one client's password is not another's.
    var origins: [HTTPLocation: HTTPOrigin] = [:]
    var objects: [String: WeakObject] = [:]
  }

  /// Blocks in RAM on their way to the pages: enough for what the readers of a mount are at.
  private static let blockMemoryByteCount = 32 << 20
  /// Reads the default cache back in an hour and a half, and is hardly felt on any disk.
  private static let defaultScrubByteRate: UInt64 = 4 << 20

  package let directory: CacheDirectory
  private let role: Role
  let store: CacheStore
  let tiers: Tiers
  let pages: PageMemory
  private let mountTable: MountTable
  private let since = WallClock.now
  private let state = Lock(State())
  private let server = Lock<ControlServer?>(nil)
  private let onHandOver: (@Sendable () -> Void)?

  /// Opens the cache at `directory`, made on first use, and answers at its socket.
  ///
  /// `indexHelper` looks at the index first after a crash of the machine. `onHandOver` is called,
  /// on a thread of its own, when another process wants the cache for good.
  package init(
    owning directory: CacheDirectory, role: Role, indexHelper: IndexHelper? = nil,
    log: @escaping @Sendable (String) -> Void, onHandOver: (@Sendable () -> Void)? = nil
  ) throws(Failure) {
    self.directory = directory
    self.role = role
    self.onHandOver = onHandOver
    do throws(StoreError) {
      store = try CacheStore(
        opening: directory.path, creatingWith: StoreConfiguration(indexHelper: indexHelper))
    } catch {
      throw Failure(error)
    }
    do throws(SystemError) {
      tiers = Tiers(
        memory: BlockMemory(budgetByteCount: Self.blockMemoryByteCount), store: store,
        queue: try FetchQueue())
      pages = try PageMemory(log: log)
    } catch {
      throw Failure(error)
    }
    let log = FoldingLog(log)
    for note in store.openReport.notes { log("\(directory.path): \(note)") }
    // An owner for one command has better things to read.
    if role == .resident { store.setScrubRate(Self.defaultScrubByteRate) }
    mountTable = MountTable(pages: pages, log: { log($0) })
    let server = try ControlServer(path: directory.socketPath, service: self)
    try server.start()
    self.server.withLock { $0 = server }
  }

  /// Unmounts everything, makes everything durable and gives the cache up.
  package func close() {
    mountTable.close()
    let server = self.server.withLock { server in
      defer { server = nil }
      return server
    }
    server?.drain()
    _ = try? Paths.removeFile(directory.socketPath)
    pages.close()
    tiers.queue.close()
    store.close()
  }

  /// What every origin that was asked has answered.
  var originStatistics: [OriginStatistics] {
    state.withLock { state in state.origins.values.map(\.statistics) }
  }

  /// This process as the owner, unless it is one for a single command.
  var owner: CacheStatusReport.Owner? {
    guard role == .resident else { return nil }
    return .init(
      pid: CurrentProcess.id, since: CalendarTime(nanosecondsSinceEpoch: since).rfc3339)
  }

  /// Returns when the last mount has gone.
  package func waitUntilIdle() {
    mountTable.waitUntilEmpty()
  }
}

/// A reference that does not keep an object open.
private struct WeakObject: Sendable {
  weak let object: CachedObject?
}

extension Node: CacheService {
  package func isResident() throws(Failure) -> Bool {
    role == .resident
  }

  package func handOver() throws(Failure) {
    guard let onHandOver else {
      throw Failure(.tryAgain, "the owner of the cache in \(directory.path) stays")
    }
    do throws(SystemError) {
      _ = try Thread(name: "hand-over", onHandOver)
    } catch {
      throw Failure(error)
    }
  }

  package func open(_ source: String) throws(Failure) -> OpenedImage {
    let object = try openObject(source)
    return OpenedImage(source: object, coherency: object.version.coherency)
  }

  private func openObject(_ source: String) throws(Failure) -> CachedObject {
    let origin = try origin(of: source)
    let open = state.withLock { $0.objects[origin.name]?.object }
    do throws(OpenError) {
      let object = try tiers.open(origin, reusing: open)
      state.withLock { $0.objects[origin.name] = WeakObject(object: object) }
      return object
    } catch {
      throw Failure(error)
    }
  }

  /// Drops from RAM what the open object called `name` has there.
  func forgetBlocks(of name: String) {
    state.withLock { $0.objects[name]?.object }?.forgetBlocks()
  }

  /// The origin of `source`, one a location, so that counters add up.
  private func origin(of source: String) throws(Failure) -> HTTPOrigin {
    guard case .http(let location) = try SourceReference(checking: source) else {
      throw Failure(.usage, "\(source): a local file does not go through the cache")
    }
    return state.withLock { state in
      if let origin = state.origins[location] { return origin }
      let origin = HTTPOrigin(location)
      state.origins[location] = origin
      return origin
    }
  }

  package func mount(_ request: MountRequest) throws(Failure) {
    guard role == .resident else {
      throw Failure(.tryAgain, "another command is using the cache, try again when it is done")
    }
    try mountTable.mount(request) { () throws(Failure) in
      var object: CachedObject?
      let sources = try ImageOpener.sources(request.source, devices: request.devices) {
        source throws(Failure) in
        let opened = try openObject(source)
        object = opened
        return opened
      }
      // What a file holds may depend on every device, and only one object's version is known here.
      let memory =
        request.devices.isEmpty ? object.map { RememberedFingerprints(of: $0.stored) } : nil
      return OpenedSources(main: sources.main, extra: sources.extra, memory: memory)
    }
    if let byteRate = request.scrubByteRate { store.setScrubRate(byteRate) }
    guard let byteCount = request.memoryByteCount else { return }
    do throws(SystemError) {
      try pages.setBudget(byteCount)
    } catch {
      throw Failure(error)
    }
  }

  package func unmount(_ directory: String, lazily: Bool) throws(Failure) -> Bool {
    try mountTable.unmount(directory, lazily: lazily)
  }

  package func mounts(countsPages: Bool) throws(Failure) -> [MountReport] {
    mountTable.reports(countsPages: countsPages)
  }

  package func waitForUnmount(of directory: String) throws(Failure) {
    mountTable.waitUntilGone(directory)
  }
}
