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
  private let root: HiddenMount.Root
  private let isEnded: Lock<Bool>

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
    let image = PlainImage { (inode, offset, target) throws(ReadError) in
      if let paged {
        try paged.fill(inode, at: offset, into: &target)
      } else {
        try source.fill(inode, at: offset, into: &target)
      }
    }
    self.image = image
    let hidden = try HiddenMount()
    let blob = BlobFilesystem.Blob(path: "image", source: image)
    let filesystem = BlobFilesystem([blob], onRest: source.releaseBuffers) { onError($0.message) }
    let session = Session(
      filesystem: filesystem, device: hidden.device,
      options: BlobFilesystem.options(isAtHand: source.isWhollyAtHand))
    let isEnded = Lock(false)
    self.isEnded = isEnded
    do throws(SystemError) {
      // It ends by itself when the kernel has closed the image, after the last file of it.
      _ = try Thread(name: "large") {
        do throws(FUSEError) {
          try session.run()
        } catch {
          onError("\(error)")
        }
        isEnded.withLock { $0 = true }
      }
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

  var isOver: Bool { isEnded.withLock { $0 } }

  func mayBack(_ inode: Inode) -> Bool { inode.byteCount >= Self.byteCountMin }

  func node(for inode: Inode, insteadOf former: Node?) -> Node? {
    guard let number = image.number(of: inode) else { return nil }
    if let former, former.number == number { return former }
    return Node(number: number)
  }

  func open(_ node: Node) throws(SystemError) -> FileDescriptor {
    try root.open(PlainImage.name(of: node.number))
  }

  func cachedByteCount(of node: Node) -> Int {
    guard let file = try? open(node) else { return 0 }
    return (try? file.cachedByteCount()) ?? 0
  }

  func leave(_ node: Node) {}
}
