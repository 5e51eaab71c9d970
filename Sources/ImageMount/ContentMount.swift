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
  private let root: Lock<HiddenMount.Root?>
  private let session: Session
  private let filesystem: ContentFilesystem
  private let thread: Thread
  private let lastNumber = Atomic<UInt64>(1)

  /// All mounts read through its threads, so there may be many that wait for an origin.
  package static var defaultOptions: ServingOptions {
    ServingOptions(threadCountMax: 128, backgroundRequestCount: 256)
  }

  /// Mounts and serves it; needs root, and Linux 6.9 to be of use.
  ///
  /// `onError` hears of every read that fails, from the serving threads, and of a session that does.
  package init(
    options: ServingOptions = ContentMount.defaultOptions,
    onError: @escaping @Sendable (String) -> Void
  ) throws(FUSEError) {
    let hidden = try HiddenMount()
    let filesystem = ContentFilesystem { onError("\($0)") }
    let session = Session(filesystem: filesystem, device: hidden.device, options: options)
    self.filesystem = filesystem
    self.session = session
    let root = Lock<HiddenMount.Root?>(hidden.root)
    self.root = root
    do throws(SystemError) {
      thread = try Thread(name: "content") {
        do throws(FUSEError) {
          try session.run()
        } catch {
          onError("\(error)")
        }
        root.withLock { $0 = nil }
        filesystem.disconnected()
      }
    } catch {
      throw FUSEError(.system(error.errno), detail: "\(error)")
    }
    guard filesystem.awaitConnection()?.offered.contains(.passthrough) == true else {
      close()
      throw FUSEError(.unsupportedKernel)
    }
    hidden.root.raiseReadAhead()
  }

  /// Ends it; whoever still reads through it gets errors.
  ///
  /// From any thread but its own.
  package func close() {
    session.stop()
    thread.join()
  }

  /// Whether the session has ended, so that nothing more is read through the mount.
  var isOver: Bool { root.withLock { $0 == nil } }

  /// A node for the file of `claimant`, which its image claims to be `claim`.
  func makeNode(
    of claimant: ContentNode.Claimant, claim: FileIdentity, isVerified: Bool
  ) -> ContentNode {
    let number = lastNumber.add(1, ordering: .relaxed).newValue
    let node = ContentNode(
      NodeID(rawValue: number), of: claimant, claim: claim, isVerified: isVerified)
    filesystem.insert(node)
    return node
  }

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
