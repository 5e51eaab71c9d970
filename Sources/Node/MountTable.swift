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
    let driver: MountDriver
    /// Nil when the kernel reads local files, and needs nobody.
    let session: Session?
    /// Nil with the kernel's driver, and when the page tier had no room for another image.
    let paged: PagedImage?
    let filesystem: ImageFilesystem?
    /// Nil with the kernel's driver.
    let domain: String?
    /// The note that the kernel's driver leaves.
    var mark: ServedMark?
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
  func mount(
    _ request: MountRequest,
    _ open: () throws(Failure) -> OpenedSources
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
    let opened = try open()
    let sources = (opened.main, opened.extra)
    let image = try ImageOpener.image(in: sources, named: request.sourceName)
    do throws(FUSEError) {
      // What a killed owner left on the directory would only be in the way.
      for dead in try Mount.list()
      where dead.directory == request.directory && dead.state == .dead {
        try Mount.unmount(request.directory, lazy: true)
      }
    } catch {
      throw Failure(error)
    }
    switch request.driver {
    case .fuse: try attach(image, opened.memory, request)
    case .kernel: try attach(try KernelSources(request, sources), request)
    }
  }

  /// Serves the files of `image`; `memory` remembers what they hold.
  private func attach(
    _ image: Image, _ memory: (any FingerprintMemory)?, _ request: MountRequest
  ) throws(Failure) {
    let (source, directory, log) = (request.sourceName, request.directory, log)
    let paged = pages.paged(image, request, memory: memory)
    let largeFiles = largeFiles(of: image, paged, request)
    let filesystem = ImageFilesystem(image: image, paged: paged, largeFiles: largeFiles) { error in
      log(Failure(error, source: source).message)
    }
    let session: Session
    do throws(FUSEError) {
      let device = try Mount.attach(source: source, on: directory)
      session = Session(
        filesystem: filesystem, device: device,
        options: ServingOptions(passesThrough: paged?.content != nil || largeFiles != nil))
    } catch {
      throw Failure(error)
    }
    let number = register(request, session, paged, filesystem)
    do throws(FUSEError) {
      try start(number, at: directory) { () throws(FUSEError) in try session.run() }
    } catch {
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

  /// The large files of `image` for the kernel's own driver to read, where that is possible, pays, and
  /// is not what the request forbids.
  private func largeFiles(
    of image: Image, _ paged: PagedImage?, _ request: MountRequest
  ) -> LargeFiles? {
    guard CurrentProcess.userID == 0, paged?.content == nil, request.pageCache != .private,
      LargeFiles.isWorthwhile(for: image), !request.readsFromFUSE
    else { return nil }
    let (source, log) = (request.sourceName, log)
    return try? LargeFiles(of: image, paged: paged) { log("\(source): \($0)") }
  }

  /// Serves the bytes of an image, for the kernel's own driver to read.
  ///
  /// The session ends when the kernel has closed the files, however that comes about.
  private func attach(_ sources: KernelSources, _ request: MountRequest) throws(Failure) {
    let (source, directory, log) = (request.sourceName, request.directory, log)
    do throws(FUSEError) {
      var hidden: HiddenMount?
      var session: Session?
      if !sources.blobs.isEmpty {
        let filesystem = BlobFilesystem(sources.blobs) { log("\(source): \($0.message)") }
        (hidden, session) = try HiddenMount.make(
          of: filesystem, BlobFilesystem.options(isAtHand: sources.request.isAtHand))
      }
      let number = register(request, session)
      if let session {
        try start(number, at: directory) { () throws(FUSEError) in try session.run() }
      }
      let mark: ServedMark
      do throws(FUSEError) {
        // Mounting reads what the session serves; this thread does not serve it.
        mark = try KernelMount.attach(sources.request, in: hidden, on: directory)
      } catch {
        // With `hidden` the session ends.
        if session == nil { end(number) }
        throw error
      }
      let isServed = state.withLock { state in
        state.entries[number]?.mark = mark
        return state.entries[number] != nil
      }
      if !isServed { mark.remove() }
      if session == nil {
        try start(number, at: directory) { () throws(FUSEError) in
          try KernelMount.waitForEnd(of: mark) { self.state.withLock { $0.isClosed } }
        }
      }
    } catch {
      throw Failure(error)
    }
  }

  /// Takes note of a mount on its way; returns its number.
  private func register(
    _ request: MountRequest, _ session: Session?, _ paged: PagedImage? = nil,
    _ filesystem: ImageFilesystem? = nil
  ) -> Int {
    state.withLock { state in
      state.lastNumber += 1
      state.entries[state.lastNumber] = Entry(
        source: request.sourceName, directory: request.directory, since: WallClock.now,
        driver: request.driver, session: session, paged: paged, filesystem: filesystem,
        domain: request.driver == .fuse ? request.domain ?? "" : nil)
      return state.lastNumber
    }
  }

  /// Runs `body` on a thread of its own, and with it the mount `number` ends.
  private func start(
    _ number: Int, at directory: String, _ body: @escaping @Sendable () throws(FUSEError) -> Void
  ) throws(FUSEError) {
    do throws(SystemError) {
      _ = try Thread(name: "mount") { [self] in
        do throws(FUSEError) {
          try body()
        } catch {
          log("\(directory): \(error)")
        }
        end(number)
      }
    } catch {
      end(number)
      throw FUSEError(.system(error.errno), path: directory, detail: "\(error)")
    }
  }

  private func end(_ number: Int) {
    state.withLock { $0.entries.removeValue(forKey: number) }?.mark?.remove()
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
      entry.session?.stop()
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
  ///
  /// When `countsPages`, also what the kernel keeps of contents that it does not read through the mounts,
  /// for which each file that was opened is looked at.
  func reports(countsPages: Bool) -> [MountReport] {
    let entries = state.withLock { $0.entries.values }
    return entries.sorted { ($0.directory, $0.since) < ($1.directory, $1.since) }.map { entry in
      MountReport(
        source: entry.source, directory: entry.directory, driver: entry.driver.rawValue,
        pid: CurrentProcess.id, since: CalendarTime(nanosecondsSinceEpoch: entry.since).rfc3339,
        state: entry.isDetached ? "detached" : "live",
        memoryBytes: entry.paged?.chargedByteCount, memoryLimitBytes: entry.paged?.byteCountMax,
        domain: entry.domain, domainMemoryBytes: entry.paged?.domain.chargedByteCount,
        domainMemoryLimitBytes: entry.paged?.domain.byteCountMax,
        pageCache: entry.paged.map { $0.content == nil ? .private : .shared },
        pageCacheBytes: countsPages ? entry.filesystem?.backedCachedByteCount : nil)
    }
  }
}
