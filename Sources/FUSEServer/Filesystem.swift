package import FUSEProtocol
package import Linux

/// A read-only tree of files, as the kernel asks for it through a ``Session``.
///
/// Nodes are stateless: what a ``NodeID`` means never changes while the session lasts, so nothing
/// is forgotten, nor need anything be opened or closed. The root is ``NodeID/root``. All members are
/// called from several threads at once and may block; what they throw is what the caller's system call
/// returns.
package protocol Filesystem: AnyObject, Sendable {
  func attributes(of node: NodeID) throws(Errno) -> NodeAttributes

  /// Hears how to tell the kernel what it did not ask, before the first request.
  func connected(_ connection: Connection)

  /// The entry called `name`, or nil when there is none, which the kernel then remembers.
  func lookUp(_ name: RawSpan, in directory: NodeID) throws(Errno) -> NodeEntry?

  /// The target of a symbolic link.
  func readLink(_ node: NodeID) throws(Errno) -> [UInt8]

  /// How the file `node` is used, asked at each open unless ``ServingOptions/handleless``.
  func open(_ node: NodeID) throws(Errno) -> OpenReply

  /// Notes that the last descriptor of the open file `handle` was closed; nobody waits for it.
  func release(_ node: NodeID, handle: UInt64)

  /// Reads from `offset` into `target`, page-aligned memory that is sent as it is.
  ///
  /// Returns the bytes read, fewer than fit only at the end of the file: the kernel takes a short
  /// read for the end, fills up with zeros and shrinks the file. What cannot be had is an error. A
  /// long wait may look at ``RequestContext/isInterrupted`` and give up with EINTR.
  func read(
    _ node: NodeID, at offset: UInt64, into target: inout MutableRawSpan
  ) throws(Errno) -> Int

  /// Appends entries from `cookie` (zero: the first) on until there are no more or one does not
  /// fit.
  func readDirectory(
    _ node: NodeID, from cookie: UInt64, into listing: inout DirectoryListing
  ) throws(Errno)

  /// The value of an extended attribute, or nil when the node has none of that name.
  ///
  /// The kernel keeps neither answer, and ls(1) asks for each file. A filesystem that has no
  /// attributes anywhere should throw `.notImplemented`, and is not asked again.
  func extendedAttribute(_ name: RawSpan, of node: NodeID) throws(Errno) -> [UInt8]?

  /// The names of the node's extended attributes, with their namespace prefix.
  func extendedAttributeNames(of node: NodeID) throws(Errno) -> [[UInt8]]

  func statistics() throws(Errno) -> FilesystemStatistics

  /// Hears, after something was read, that nothing was answered for a second: a good time to give memory
  /// back.
  func rested()

  /// The next offset, from `offset` on, that is data or a hole; ENXIO beyond the end.
  ///
  /// Throwing `.notImplemented`, as the default does, makes the kernel treat files as all data, and
  /// not ask again.
  func seek(
    _ node: NodeID, to target: SeekTarget, from offset: UInt64
  ) throws(Errno) -> UInt64
}

extension Filesystem {
  package func connected(_ connection: Connection) {}

  /// Every file alike: the page cache is kept, and nothing need be told at the end.
  package func open(_ node: NodeID) throws(Errno) -> OpenReply {
    .cached()
  }

  package func release(_ node: NodeID, handle: UInt64) {}

  package func rested() {}

  package func seek(
    _ node: NodeID, to target: SeekTarget, from offset: UInt64
  ) throws(Errno) -> UInt64 {
    throw .notImplemented
  }
}
