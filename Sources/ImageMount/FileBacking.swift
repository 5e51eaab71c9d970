internal import EROFS
internal import EROFSReader
internal import FUSEProtocol
internal import FUSEServer
internal import Linux

/// Where the kernel finds files of an image that it reads in place of the mount's own.
protocol FileBacking: Sendable {
  /// What stands for a file: files with one node are one to the kernel.
  associatedtype Node: AnyObject & Sendable

  /// Whether nothing more can be opened.
  var isOver: Bool { get }

  /// Whether `inode`, a regular file that is not empty, may be read elsewhere at all; at once.
  func mayBack(_ inode: Inode) -> Bool

  /// What stands for `inode`, a regular file that is not empty, from now on, where it was `former`
  /// before; nil when it is as well read through its own mount.
  func node(for inode: Inode, insteadOf former: Node?) throws(ReadError) -> Node?

  /// By what another process knows `node`; never 0.
  func number(of node: Node) -> UInt64

  /// The node that has `number`, if it is this image's.
  func node(numbered number: UInt64) -> Node?

  /// Opens `node`, for the kernel to read; may wait for others, but never for the mount itself.
  func open(_ node: Node) throws(SystemError) -> FileDescriptor

  /// What the kernel keeps of the pages of `node`, as far as they are this image's, in bytes.
  func cachedByteCount(of node: Node) -> Int

  /// The mount that had `node` has ended.
  func leave(_ node: Node)
}

/// What a mount does about files that are opened and closed.
protocol FileOpener: Sendable {
  func connected(_ connection: Connection)
  func open(_ inode: Inode) throws(ReadError) -> OpenReply?
  func release(_ nid: UInt64)
  var cachedByteCount: Int? { get }
  var table: BackedFilesTable { get }
  func adopt(_ table: BackedFilesTable) throws(HandoverError)
}
