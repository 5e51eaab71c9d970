internal import EROFSReader
internal import FUSEProtocol
package import FUSEServer
internal import Linux
internal import PageTier
internal import Synchronization

/// A hidden mount whose files stand for contents, so that the kernel keeps the pages of each once,
/// whichever image they are read through.
///
/// An image mount opens its files on it with passthrough: reads and page faults go straight to the
/// page cache of the file here, and what is not there is asked of this mount's session. That session
/// never waits for one of an image mount, so the two cannot wait for each other. Thread-safe.
package final class ContentMount: Sendable {
  /// Nil when the session has ended.
  private let root: Lock<HiddenMount?>
  private let session: Session
  private let filesystem: ContentFilesystem
  private let onError: @Sendable (String) -> Void
  /// Nil before it is served.
  private let thread = Lock<Thread?>(nil)
  private let lastNumber = Atomic<UInt64>(ContentNode.firstNumber - 1)

  /// All mounts read through its threads, so there may be many that wait for an origin.
  package static var defaultOptions: ServingOptions {
    ServingOptions(threadCountMax: 128, backgroundRequestCount: 256)
  }

  /// Mounts and serves it; needs root, and Linux 6.9 to be of use.
  ///
  /// `onError` hears of every read that fails, from the serving threads, and of a session that does.
  package convenience init(
    options: ServingOptions = ContentMount.defaultOptions,
    onError: @escaping @Sendable (String) -> Void
  ) throws(FUSEError) {
    let filesystem = ContentFilesystem { onError("\($0)") }
    let (hidden, session) = try HiddenMount.make(of: filesystem, options)
    self.init(filesystem, hidden, session, onError)
    try start()
    hidden.raiseReadAhead()
  }

  /// That of another process, which has stopped to serve it.
  ///
  /// Not served before ``start()``: ``SharedContent/adopt(_:images:)`` makes its nodes known first. One
  /// that is not to be served after all is to be closed. `onError` as above.
  package convenience init(
    adopting state: HiddenMountState, options: ServingOptions = ContentMount.defaultOptions,
    onError: @escaping @Sendable (String) -> Void
  ) {
    let filesystem = ContentFilesystem { onError("\($0)") }
    self.init(
      filesystem, state.root,
      Session(filesystem: filesystem, adopting: state.session, options: options), onError)
  }

  private init(
    _ filesystem: ContentFilesystem, _ root: HiddenMount, _ session: Session,
    _ onError: @escaping @Sendable (String) -> Void
  ) {
    self.filesystem = filesystem
    self.root = Lock(root)
    self.session = session
    self.onError = onError
  }

  /// Serves what another process served; once, and only a mount that was adopted.
  package func start() throws(FUSEError) {
    let (session, filesystem, root, onError) = (session, filesystem, root, onError)
    do throws(SystemError) {
      let thread = try Thread(name: "content") {
        do throws(FUSEError) {
          try session.run()
        } catch {
          onError("\(error)")
        }
        root.withLock { $0 = nil }
        filesystem.disconnected()
      }
      self.thread.withLock { $0 = thread }
    } catch {
      throw FUSEError(.system(error.errno), detail: "\(error)")
    }
    guard filesystem.awaitConnection()?.offered.contains(.passthrough) == true else {
      close()
      throw FUSEError(.unsupportedKernel)
    }
  }

  /// Ends it; whoever still reads through it gets errors, or waits for a successor if there is one.
  ///
  /// From any thread but its own.
  package func close() {
    session.stop()
    if let thread = thread.withLock({ $0 }) {
      thread.join()
    } else {
      // Never served: what is behind the nodes that were adopted would keep it.
      filesystem.removeAll()
      root.withLock { $0 = nil }
    }
  }

  /// What a successor needs to go on with it, beside the tables of what is shared on it; nil when it has
  /// ended.
  ///
  /// To hand over take it, stop the sessions of all mounts that share, ``close()`` this once they have
  /// ended, and take the tables then.
  package var state: HiddenMountState? {
    guard let root = root.withLock({ $0 }), let session = session.state else { return nil }
    return HiddenMountState(session: session, root: root)
  }

  /// Whether the session has ended, so that nothing more is read through the mount.
  var isOver: Bool { root.withLock { $0 == nil } }

  /// A node for the file of `claimant`, which its image claims to be `claim`.
  func makeNode(
    of claimant: ContentNode.Claimant, claim: FileIdentity, isVerified: Bool
  ) -> ContentNode {
    let number = lastNumber.add(1, ordering: .relaxed).newValue
    let node = ContentNode(
      NodeID(rawValue: number), of: [claimant], claim: claim, isVerified: isVerified)
    filesystem.insert(node)
    return node
  }

  /// The number of the last node that was made, by this process or one before.
  var lastNodeNumber: UInt64 { lastNumber.load(ordering: .relaxed) }

  /// Makes `nodes` of another process known, whose last had `lastNumber`.
  func adopt(_ nodes: [ContentNode], lastNumber: UInt64) throws(HandoverError) {
    for node in nodes {
      guard filesystem.node(numbered: node.id.rawValue) == nil else {
        throw HandoverError(.duplicate, number: node.id.rawValue)
      }
      filesystem.insert(node)
    }
    self.lastNumber.max(lastNumber, ordering: .relaxed)
  }

  /// The nodes of all domains.
  var nodes: [ContentNode] { filesystem.allNodes }

  /// The node that has `number`.
  func node(numbered number: UInt64) -> ContentNode? { filesystem.node(numbered: number) }

  /// Opens `node`, for the kernel to read in place of others.
  func open(_ node: ContentNode) throws(SystemError) -> FileDescriptor {
    guard let root = root.withLock({ $0 }) else {
      throw SystemError(call: "openat", errno: .notConnected)
    }
    return try root.open(node.name)
  }

  /// What the kernel keeps of the pages of `node`, in bytes; 0 when that cannot be told.
  func cachedByteCount(of node: ContentNode) -> Int {
    guard let file = try? open(node) else { return 0 }
    return (try? file.cachedByteCount()) ?? 0
  }

  /// Makes the kernel drop the pages of `node`; false when it does not.
  ///
  /// Waits for reads of it.
  func forgetContent(of node: ContentNode) -> Bool {
    filesystem.forgetContent(of: node)
  }

  /// Forgets `node`, behind which there is no image any more.
  func remove(_ node: ContentNode) {
    filesystem.remove(node)
  }
}
