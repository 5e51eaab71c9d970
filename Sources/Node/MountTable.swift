internal import EROFSReader
internal import FUSEServer
internal import ImageMount
internal import Linux
internal import PageTier

/// The mounts that this process serves.
///
/// Invariants: an entry is there from before its mount is usable until its session has ended, which
/// for a mount that was taken away lazily is when its last file is closed; another mount may be on
/// the same directory by then. Once the table is closed, it stays empty. Thread-safe.
final class MountTable: Sendable {
  private struct Entry {
    let source: String
    let directory: String
    let since: Int64
    let session: Session
    /// Nil when the page tier had no room for another image.
    let paged: PagedImage?
    let domain: String
    /// Out of sight, but still in use.
    var isDetached = false
  }

  private struct State {
    var entries: [Int: Entry] = [:]
    var lastNumber = 0
    /// Mounts on their way, from before their image is opened.
    var pendingCount = 0
    var isClosed = false

    /// The mount in sight on `directory`: the last that came there.
    func attached(on directory: String) -> (number: Int, entry: Entry)? {
      entries.filter { $0.value.directory == directory && !$0.value.isDetached }
        .max { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
  }

  private let state = Lock(State())
  private let pages: PageMemory
  private let log: @Sendable (String) -> Void

  init(pages: PageMemory, log: @escaping @Sendable (String) -> Void) {
    self.pages = pages
    self.log = log
  }

  /// Mounts what `open` returns as `request` says; returns when the kernel can use it.
  ///
  /// With the image comes who remembers what its files hold, if anybody does.
  func mount(
    _ request: MountRequest,
    _ open: () throws(Failure) -> (image: Image, memory: (any FingerprintMemory)?)
  ) throws(Failure) {
    let isOpen = state.withLock { state in
      if !state.isClosed { state.pendingCount += 1 }
      return !state.isClosed
    }
    // Whoever asked looks for the next owner then.
    guard isOpen else { throw ControlChannel.lost(nil) }
    defer {
      state.withLock { $0.pendingCount -= 1 }
      state.signalAll()
    }
    try attach(try open(), request)
  }

  private func attach(
    _ opened: (image: Image, memory: (any FingerprintMemory)?), _ request: MountRequest
  ) throws(Failure) {
    let (source, directory, log) = (request.sourceName, request.directory, log)
    let (image, memory) = opened
    let paged = pages.paged(image, request, memory: memory)
    let filesystem = ImageFilesystem(image: image, paged: paged) { error in
      log(Failure(error, source: source).message)
    }
    let session: Session
    do throws(FUSEError) {
      // What a killed owner left on the directory would only be in the way.
      for dead in try Mount.list() where dead.directory == directory && dead.state == .dead {
        try Mount.unmount(directory, lazy: true)
      }
      let device = try Mount.attach(source: source, on: directory)
      session = Session(
        filesystem: filesystem, device: device,
        options: ServingOptions(passesThrough: paged?.content != nil))
    } catch {
      throw Failure(error)
    }
    let number = state.withLock { state in
      state.lastNumber += 1
      state.entries[state.lastNumber] = Entry(
        source: source, directory: directory, since: WallClock.now, session: session, paged: paged,
        domain: request.domain ?? "")
      return state.lastNumber
    }
    do throws(SystemError) {
      _ = try Thread(name: "mount") { [self] in serve(session, number, at: directory) }
    } catch {
      state.withLock { $0.entries[number] = nil }
      try? Mount.unmount(directory, lazy: true)
      throw Failure(error)
    }
    do throws(SystemError) {
      // The first answer shows that INIT is settled.
      try MountCalls.probe(directory)
    } catch {
      _ = try? unmount(directory, lazily: true)
      throw Failure(error)
    }
  }

  private func serve(_ session: Session, _ number: Int, at directory: String) {
    do throws(FUSEError) {
      try session.run()
    } catch {
      log("\(directory): \(error)")
    }
    state.withLock { $0.entries[number] = nil }
    state.signalAll()
  }

  /// Unmounts what is served at `directory` and waits for its last request; false when nothing is.
  ///
  /// A lazy one may be in use for as long as its users like, so that is not waited for.
  func unmount(_ directory: String, lazily: Bool) throws(Failure) -> Bool {
    guard let number = state.withLock({ $0.attached(on: directory)?.number }) else { return false }
    do throws(FUSEError) {
      try Mount.unmount(directory, lazy: lazily)
    } catch {
      throw Failure(error)
    }
    if lazily {
      state.withLock { $0.entries[number]?.isDetached = true }
      state.signalAll()
    } else {
      _ = state.wait { $0.entries[number] == nil ? true : nil }
    }
    return true
  }

  /// Ends every mount, those in use too, whose users get errors from then on; no more are taken.
  func close() {
    state.withLock { $0.isClosed = true }
    _ = state.wait { $0.pendingCount == 0 ? true : nil }
    for entry in state.withLock({ $0.entries.values }) {
      do throws(FUSEError) {
        if !entry.isDetached { try Mount.unmount(entry.directory) }
      } catch {
        try? Mount.unmount(entry.directory, lazy: true)
      }
      entry.session.stop()
    }
    _ = state.wait { $0.entries.isEmpty ? true : nil }
  }

  /// Returns when nothing is in sight on `directory` that is served from here.
  func waitUntilGone(_ directory: String) {
    _ = state.wait { $0.attached(on: directory) == nil ? true : nil }
  }

  /// Returns when the last mount has ended and none is on its way, and takes no more.
  func waitUntilEmpty() {
    _ = state.wait { state -> Bool? in
      guard state.entries.isEmpty, state.pendingCount == 0 else { return nil }
      state.isClosed = true
      return true
    }
  }

  /// What is served, by directory.
  var reports: [MountReport] {
    let entries = state.withLock { $0.entries.values }
    return entries.sorted { ($0.directory, $0.since) < ($1.directory, $1.since) }.map { entry in
      MountReport(
        source: entry.source, directory: entry.directory, driver: "fuse", pid: CurrentProcess.id,
        since: CalendarTime(nanosecondsSinceEpoch: entry.since).rfc3339,
        state: entry.isDetached ? "detached" : "live",
        memoryBytes: entry.paged?.chargedByteCount, memoryLimitBytes: entry.paged?.byteCountMax,
        domain: entry.domain, domainMemoryBytes: entry.paged?.domain.chargedByteCount,
        domainMemoryLimitBytes: entry.paged?.domain.byteCountMax,
        pageCache: entry.paged?.content == nil ? .private : .shared)
    }
  }
}
