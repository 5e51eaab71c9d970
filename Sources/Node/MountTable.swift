internal import EROFSReader
internal import FUSEServer
internal import ImageMount
internal import Linux

/// The mounts that this process serves.
///
/// Invariant: an entry is there from before the mount is usable until its session has ended.
/// Thread-safe.
final class MountTable: Sendable {
  private struct Entry {
    let source: String
    let since: Int64
    let session: Session
  }

  private let entries = Lock<[String: Entry]>([:])
  private let log: @Sendable (String) -> Void

  init(log: @escaping @Sendable (String) -> Void) {
    self.log = log
  }

  /// Mounts `image` as `request` says; returns when the kernel can use it.
  func mount(_ image: Image, _ request: MountRequest) throws(Failure) {
    let (source, directory, log) = (request.sourceName, request.directory, log)
    let filesystem = ImageFilesystem(image: image) { error in
      log(Failure(error, source: source).message)
    }
    let session: Session
    do throws(FUSEError) {
      // What a killed owner left on the directory would only be in the way.
      for dead in try Mount.list() where dead.directory == directory && !dead.isServed {
        try Mount.unmount(directory, lazy: true)
      }
      let device = try Mount.attach(source: source, on: directory)
      session = Session(filesystem: filesystem, device: device)
    } catch {
      throw Failure(error)
    }
    entries.withLock {
      $0[directory] = Entry(source: source, since: WallClock.now, session: session)
    }
    do throws(SystemError) {
      _ = try Thread(name: "mount") { [self] in serve(session, at: directory) }
      // The first answer shows that INIT is settled.
      try MountCalls.probe(directory)
    } catch {
      _ = try? unmount(directory, lazily: true)
      throw Failure(error)
    }
  }

  private func serve(_ session: Session, at directory: String) {
    do throws(FUSEError) {
      try session.run()
    } catch {
      log("\(directory): \(error)")
    }
    entries.withLock { $0[directory] = nil }
    entries.signalAll()
  }

  /// Unmounts what is served at `directory` and waits for its last request; false when nothing is.
  ///
  /// A lazy one may be in use for as long as its users like, so that is not waited for.
  func unmount(_ directory: String, lazily: Bool) throws(Failure) -> Bool {
    guard entries.withLock({ $0[directory] != nil }) else { return false }
    do throws(FUSEError) {
      try Mount.unmount(directory, lazy: lazily)
    } catch {
      throw Failure(error)
    }
    if !lazily { waitUntilGone(directory) }
    return true
  }

  /// Ends every mount, those in use too: their users get errors from then on.
  func unmountAll() {
    for (directory, entry) in entries.withLock({ $0 }) {
      do throws(FUSEError) {
        try Mount.unmount(directory)
      } catch {
        try? Mount.unmount(directory, lazy: true)
        entry.session.stop()
      }
    }
    waitUntilEmpty()
  }

  func waitUntilGone(_ directory: String) {
    _ = entries.wait { $0[directory] == nil ? true : nil }
  }

  func waitUntilEmpty() {
    _ = entries.wait { $0.isEmpty ? true : nil }
  }

  /// What is served, by directory.
  var reports: [MountReport] {
    entries.withLock { entries in
      entries.sorted { $0.key < $1.key }.map { directory, entry in
        MountReport(
          source: entry.source, directory: directory, driver: "fuse",
          pid: CurrentProcess.id,
          since: CalendarTime(nanosecondsSinceEpoch: entry.since).rfc3339, state: "live")
      }
    }
  }
}
