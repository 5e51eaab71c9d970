package import EROFSReader
internal import Linux

/// A command's way to a cache: opened here when nobody owns it, else through its owner.
///
/// Nothing is opened before it is needed. Thread-safe.
package final class CacheAccess: Sendable {
  /// Owners come and go within milliseconds; one that hangs is not waited for longer than this.
  private static let patienceNanoseconds: UInt64 = 5_000_000_000

  private enum Opened {
    case node(Node)
    case client(ControlClient)
  }

  private let directory: CacheDirectory
  private let opened = Lock<Opened?>(nil)

  package init(directory: CacheDirectory) {
    self.directory = directory
  }

  /// The cache, for as long as this access is not closed.
  package func service() throws(Failure) -> any CacheService {
    try opened.withLock { opened throws(Failure) -> any CacheService in
      if let opened { return Self.service(of: opened) }
      let new = try Self.open(directory)
      opened = new
      return Self.service(of: new)
    }
  }

  /// The bytes of a remote image, which go on coming when the owner of the cache goes away.
  package func open(_ source: String) throws(Failure) -> any BlockSource {
    LastingSource(try openImage(source), named: source, through: self)
  }

  /// Opens `source` with whoever owns the cache now.
  func openImage(_ source: String) throws(Failure) -> OpenedImage {
    let deadline = MonotonicClock.now + Self.patienceNanoseconds
    while true {
      do throws(Failure) {
        return try service().open(source)
      } catch {
        guard error.isOwnerLost, MonotonicClock.now < deadline else { throw error }
        forgetOwner()
      }
    }
  }

  /// Makes the next request look for the owner anew.
  func forgetOwner() {
    opened.withLock { opened in
      if case .client = opened { opened = nil }
    }
  }

  /// Gives the cache up again; further calls do nothing.
  package func close() {
    let last = opened.withLock { opened in
      defer { opened = nil }
      return opened
    }
    if case .node(let node) = last { node.close() }
  }

  private static func service(of opened: Opened) -> any CacheService {
    switch opened {
    case .node(let node): node
    case .client(let client): client
    }
  }

  private static func open(_ directory: CacheDirectory) throws(Failure) -> Opened {
    let deadline = MonotonicClock.now + patienceNanoseconds
    while true {
      if let client = ControlClient(directory: directory) { return .client(client) }
      do throws(Failure) {
        return .node(try Node(owning: directory, role: .transient, log: { _ in }))
      } catch {
        // Between its lock and its socket, or its last client and its end, an owner is both
        // there and not to be reached.
        guard error.status == .tryAgain, MonotonicClock.now < deadline else { throw error }
        Thread.sleep(milliseconds: 20)
      }
    }
  }
}
