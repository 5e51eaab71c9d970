internal import EROFS
package import EROFSReader
package import FUSEServer
internal import Linux

/// The large files of one image, as files of the kernel's own EROFS: in the page cache they lie in
/// folios of many pages, where Linux gives FUSE single ones, and reads in order take a third of the time.
///
/// What the kernel's EROFS reads is a ``PlainImage``, which is served over FUSE and mounted nowhere; it
/// never sees the image itself. Opening costs a round trip, and the kernel asks for every file or for none.
/// So this is for images whose files are large on the whole, see ``isWorthwhile(for:)``. Thread-safe.
package final class LargeFiles: FileBacking {
  /// One that stands for a file of the image.
  final class Node: Sendable {
    fileprivate let number: Int

    fileprivate init(number: Int) { self.number = number }
  }

  /// Smaller files are read as fast as they are opened.
  private static let byteCountMin: UInt64 = 256 << 10
  /// Where a round trip takes as long as folios of many pages save: 40 us beside 0.05 us a KiB.
  private static let meanByteCountMin: UInt64 = 1 << 20

  private let image: PlainImage
  private let root: HiddenMount
  private let server: Server

  /// Whether the files of `image` are so large on the whole that their opens do not matter.
  package static func isWorthwhile(for image: Image) -> Bool {
    image.storedByteCount / max(1, image.superblock.inodeCount) >= meanByteCountMin
  }

  /// Mounts and serves them; needs root, and Linux 6.12 with EROFS on files.
  ///
  /// `paged` reads the contents of files in place of `source` if it is given. `onError` hears of every
  /// read that fails, from the serving threads.
  package init(
    of source: Image, paged: PagedImage?, onError: @escaping @Sendable (String) -> Void
  ) throws(FUSEError) {
    image = Self.plainImage(of: source, paged)
    let (hidden, session) = try HiddenMount.make(
      of: Self.filesystem(image, of: source, onError),
      BlobFilesystem.options(isAtHand: source.isWhollyAtHand))
    do throws(SystemError) {
      server = try Server(session, onError)
    } catch {
      throw FUSEError(.system(error.errno), detail: "\(error)")
    }
    let request = KernelMount.Request(
      image: "image", devices: [], domain: nil, isAtHand: source.isWhollyAtHand)
    do throws(FUSEError) {
      root = try KernelMount.hide(request, in: hidden)
    } catch {
      session.stop()
      throw error
    }
  }

  /// Those of another process, which has stopped to serve them, of an equal image.
  ///
  /// `paged` and `onError` as above.
  package init(
    of source: Image, paged: PagedImage?, adopting state: HiddenMountState,
    _ table: LargeFilesTable, onError: @escaping @Sendable (String) -> Void
  ) throws(HandoverError) {
    image = Self.plainImage(of: source, paged)
    root = state.root
    for (number, file) in table.files.enumerated() {
      guard let inode = try source.adoptedFile(file.nid, byteCount: file.byteCount),
        image.number(of: inode) == number
      else {
        throw HandoverError(.unknownFile, number: file.nid)
      }
    }
    let session = Session(
      filesystem: Self.filesystem(image, of: source, onError), adopting: state.session,
      options: BlobFilesystem.options(isAtHand: source.isWhollyAtHand))
    do throws(SystemError) {
      server = try Server(session, onError)
    } catch {
      throw HandoverError(.system(error.errno))
    }
  }

  private static func plainImage(of source: Image, _ paged: PagedImage?) -> PlainImage {
    PlainImage { (inode, offset, target) throws(ReadError) in
      if let paged {
        try paged.fill(inode, at: offset, into: &target)
      } else {
        try source.fill(inode, at: offset, into: &target)
      }
    }
  }

  private static func filesystem(
    _ image: PlainImage, of source: Image, _ onError: @escaping @Sendable (String) -> Void
  ) -> BlobFilesystem {
    let blob = BlobFilesystem.Blob(path: "image", source: image)
    return BlobFilesystem([blob], onRest: source.releaseBuffers) { onError($0.message) }
  }

  /// Ends their session; whoever still reads them gets errors, or waits for a successor if there is one.
  ///
  /// From any thread but its own.
  package func close() { server.stop() }

  /// What a successor needs to go on with them, beside ``table``; nil when the session has ended.
  ///
  /// To hand over take it, stop the mount's session, ``close()`` this once that has ended, and take the
  /// table then.
  package var state: HiddenMountState? {
    server.session.state.map { HiddenMountState(session: $0, root: root) }
  }

  /// Which files there are, and where.
  package var table: LargeFilesTable { image.table }

  var isOver: Bool { server.isOver }

  func mayBack(_ inode: Inode) -> Bool { inode.byteCount >= Self.byteCountMin }

  func node(for inode: Inode, insteadOf former: Node?) -> Node? {
    guard let number = image.number(of: inode) else { return nil }
    if let former, former.number == number { return former }
    return Node(number: number)
  }

  func number(of node: Node) -> UInt64 { UInt64(node.number) + 1 }

  func node(numbered number: UInt64) -> Node? {
    guard number > 0, number <= UInt64(image.fileCount) else { return nil }
    return Node(number: Int(number) - 1)
  }

  func open(_ node: Node) throws(SystemError) -> FileDescriptor {
    try root.open(PlainImage.name(of: node.number))
  }

  func cachedByteCount(of node: Node) -> Int {
    guard let file = try? open(node) else { return 0 }
    return (try? file.cachedByteCount()) ?? 0
  }

  func leave(_ node: Node) {}

  /// The session's thread.
  private final class Server: Sendable {
    let session: Session
    private let thread: Thread
    private let hasEnded: Lock<Bool>

    /// Runs `session`, which ends by itself when the kernel has closed the image, after its last file.
    init(
      _ session: Session, _ onError: @escaping @Sendable (String) -> Void
    ) throws(SystemError) {
      let hasEnded = Lock(false)
      self.session = session
      self.hasEnded = hasEnded
      thread = try Thread(name: "large") {
        do throws(FUSEError) {
          try session.run()
        } catch {
          onError("\(error)")
        }
        hasEnded.withLock { $0 = true }
      }
    }

    var isOver: Bool { hasEnded.withLock { $0 } }

    func stop() {
      session.stop()
      thread.join()
    }
  }
}
