internal import EROFSReader
internal import FUSEProtocol
package import FUSEServer
internal import Linux
internal import Synchronization

/// A hidden mount whose files stand for contents, so that the kernel keeps the pages of each once,
/// whichever image they are read through.
///
/// An image mount opens its files on it with passthrough: reads and page faults go straight to the
/// page cache of the file here, and what is not there is asked of this mount's session. That session
/// never waits for one of an image mount, so the two cannot wait for each other. Thread-safe.
package final class ContentMount: Sendable {
  private let mount: Lock<HiddenMount?>
  private let session: Session
  private let filesystem: ContentFilesystem
  private let thread: Thread
  private let lastNumber = Atomic<UInt64>(1)

  /// Mounts and serves it; needs root, and Linux 6.9 to be of use.
  ///
  /// `onError` hears of every read that fails, from the serving threads, and of a session that does.
  package init(
    options: ServingOptions = ServingOptions(),
    onError: @escaping @Sendable (String) -> Void
  ) throws(FUSEError) {
    let hidden = try HiddenMount()
    let filesystem = ContentFilesystem { onError("\($0)") }
    let session = Session(filesystem: filesystem, device: hidden.device, options: options)
    self.filesystem = filesystem
    self.session = session
    mount = Lock(hidden)
    do throws(SystemError) {
      thread = try Thread(name: "content") {
        do throws(FUSEError) {
          try session.run()
        } catch {
          onError("\(error)")
        }
        filesystem.disconnected()
      }
    } catch {
      throw FUSEError(.system(error.errno), detail: "\(error)")
    }
    guard filesystem.awaitConnection()?.offered.contains(.passthrough) == true else {
      close()
      throw FUSEError(.unsupportedKernel)
    }
    hidden.raiseReadAhead()
  }

  /// Ends it; whoever still reads through it gets errors.
  ///
  /// From any thread but its own.
  package func close() {
    session.stop()
    mount.withLock { $0 = nil }
    thread.join()
  }

  /// A node for the file of `claimant`.
  func makeNode(of claimant: ContentNode.Claimant, isVerified: Bool) -> ContentNode {
    let number = lastNumber.add(1, ordering: .relaxed).newValue
    let node = ContentNode(NodeID(rawValue: number), of: claimant, isVerified: isVerified)
    filesystem.insert(node)
    return node
  }

  /// Opens `node`, for the kernel to read in place of others.
  func open(_ node: ContentNode) throws(SystemError) -> FileDescriptor {
    guard let hidden = mount.withLock({ $0 }) else {
      throw SystemError(call: "openat", errno: .notConnected)
    }
    return try hidden.open(node.name)
  }

  /// Makes the kernel drop the pages of `node`; waits for reads of it.
  func forgetContent(of node: ContentNode) {
    filesystem.forgetContent(of: node)
  }

  /// Forgets `node`, behind which there is no image any more.
  func remove(_ node: ContentNode) {
    filesystem.remove(node)
  }
}
