package import BlockStore
package import EROFSReader
internal import Linux

/// A command's way to a cache: opened here when nobody owns it, else through its owner.
///
/// Nothing is opened before it is needed. When another process wants to own the cache for good, it
/// gets it, and this one goes on through that. Thread-safe.
package final class CacheAccess: Sendable {
  /// Owners come and go within milliseconds; one that hangs is not waited for longer than this.
  private static let patienceNanoseconds: UInt64 = 5_000_000_000
  /// How long the process that asked for the cache has to open it before this one does again.
  private static let courtesyNanoseconds: UInt64 = 2_000_000_000

  private enum Opened {
    case node(Node)
    case client(ControlClient)
  }

  private struct State {
    var opened: Opened?
    /// Counts the owners that there have been, for whoever holds something of an earlier one.
    var generation = 0
    /// Until when the cache is left to somebody else: monotonic nanoseconds.
    var courtesyEnd: UInt64 = 0
  }

  private let directory: CacheDirectory
  private let indexHelper: IndexHelper?
  private let log: @Sendable (String) -> Void
  private let state = Lock(State())

  package init(
    directory: CacheDirectory, indexHelper: IndexHelper? = nil,
    log: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.directory = directory
    self.indexHelper = indexHelper
    self.log = log
  }

  /// The cache, for as long as this access is not closed.
  package func service() throws(Failure) -> any CacheService {
    try state.withLock { state throws(Failure) -> any CacheService in
      let opened: Opened
      if let existing = state.opened {
        opened = existing
      } else {
        opened = try open(courtesyEnd: state.courtesyEnd)
        state.opened = opened
      }
      switch opened {
      case .node(let node): return node
      case .client(let client): return client
      }
    }
  }

  /// The bytes of a remote image, which go on coming when the owner of the cache goes away.
  package func open(_ source: String) throws(Failure) -> any BlockSource {
    let generation = self.generation
    return LastingSource(
      try openImage(source), named: source, generation: generation, through: self)
  }

  /// Opens `source` with whoever owns the cache now.
  func openImage(_ source: String) throws(Failure) -> OpenedImage {
    let deadline = MonotonicClock.now + Self.patienceNanoseconds
    while true {
      let generation = self.generation
      do throws(Failure) {
        return try service().open(source)
      } catch {
        guard error.isOwnerLost || generation != self.generation,
          MonotonicClock.now < deadline
        else { throw error }
        forgetOwner(of: generation)
      }
    }
  }

  /// Changes with every owner.
  var generation: Int { state.withLock { $0.generation } }

  /// Makes the next request look for the owner anew, unless somebody did since `generation`.
  func forgetOwner(of generation: Int) {
    state.withLock { state in
      guard state.generation == generation, case .client = state.opened else { return }
      state.opened = nil
      state.generation += 1
    }
  }

  /// Gives the cache up again; further calls do nothing.
  package func close() {
    release { _ in }
  }

  private func handOver() {
    release { state in
      state.generation += 1
      state.courtesyEnd = MonotonicClock.now + Self.courtesyNanoseconds
    }
  }

  private func release(_ change: (inout State) -> Void) {
    let last = state.withLock { state in
      change(&state)
      return state.opened.take()
    }
    if case .node(let node) = last { node.close() }
  }

  private func open(courtesyEnd: UInt64) throws(Failure) -> Opened {
    let deadline = MonotonicClock.now + Self.patienceNanoseconds
    while true {
      if let client = try ControlClient(directory: directory) { return .client(client) }
      do throws(Failure) {
        if MonotonicClock.now < courtesyEnd {
          throw Failure(.tryAgain, "the cache is being handed over")
        }
        return .node(
          try Node(
            owning: directory, role: .transient, indexHelper: indexHelper, log: log,
            onHandOver: { [weak self] in self?.handOver() }))
      } catch {
        // Between its lock and its socket, or its last client and its end, an owner is both
        // there and not to be reached.
        guard error.status == .tryAgain, MonotonicClock.now < deadline else { throw error }
        Thread.sleep(milliseconds: 20)
      }
    }
  }
}
