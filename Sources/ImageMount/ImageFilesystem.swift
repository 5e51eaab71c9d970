internal import Bytes
internal import EROFS
package import EROFSReader
package import FUSEProtocol
package import FUSEServer
package import Linux

/// An EROFS image as a read-only filesystem for the FUSE server.
///
/// Stateless but for the image's own bounded caches: nodes are nids. Thread-safe.
package final class ImageFilesystem: Filesystem {
  private let image: Image
  /// Nil when contents are read from the image each time.
  private let paged: PagedImage?
  /// Nil when the kernel reads all files through the mount itself.
  private let backed: (any FileOpener)?
  private let numbering: NodeNumbering
  private let onError: @Sendable (ReadError) -> Void

  /// Serves `image`, the contents of its files through `paged` if that is given, and those of
  /// `largeFiles` in their way, unless `paged` shares them.
  ///
  /// `onError` hears of every read that fails, from the serving threads.
  package init(
    image: Image, paged: PagedImage? = nil, largeFiles: LargeFiles? = nil,
    onError: @escaping @Sendable (ReadError) -> Void
  ) {
    self.image = image
    self.paged = paged
    self.onError = onError
    if let paged, let content = paged.content {
      backed = BackedFiles(by: ContentBacking(image: paged, content: content))
    } else {
      backed = largeFiles.map { BackedFiles(by: $0) }
    }
    numbering = NodeNumbering(rootNID: image.superblock.rootNID)
  }

  /// What the kernel keeps of contents that it does not read through the mount, in bytes, and this
  /// mount's part of it; nil when there are none.
  package var backedCachedByteCount: Int? { backed.flatMap(\.cachedByteCount) }

  /// What a successor has to know of files that the kernel does not read through the mount, once the
  /// session has ended; nil when there are none.
  package var backedFiles: BackedFilesTable? { backed?.table }

  /// Goes on with the files of another process that served the same image in the same way.
  ///
  /// Before the session, and after what the files are read from was adopted.
  package func adopt(_ files: BackedFilesTable) throws(HandoverError) {
    guard let backed else { throw HandoverError(.unknownNode) }
    try backed.adopt(files)
  }

  package func attributes(of node: NodeID) throws(Errno) -> NodeAttributes {
    attributes(of: try inode(node))
  }

  package func lookUp(_ name: RawSpan, in directory: NodeID) throws(Errno) -> NodeEntry? {
    let parent = try inode(directory)
    return try reporting { () throws(ReadError) in
      guard let found = try image.lookUp(name, in: parent) else { return nil }
      return entry(of: try image.inode(found.nid))
    }
  }

  package func readLink(_ node: NodeID) throws(Errno) -> [UInt8] {
    let inode = try inode(node)
    return try reporting { () throws(ReadError) in try image.symbolicLinkTarget(inode) }
  }

  package func connected(_ connection: Connection) {
    backed?.connected(connection)
  }

  package func rested() {
    // It may be read through a hidden mount, too, which rests by itself.
    if backed == nil { image.releaseBuffers() }
  }

  package func open(_ node: NodeID) throws(Errno) -> OpenReply {
    let inode = try inode(node)
    let reply = try reporting { () throws(ReadError) in try backed?.open(inode) }
    return reply ?? .cached()
  }

  package func release(_ node: NodeID, handle: UInt64) {
    if handle == backedFileHandle { backed?.release(numbering.nid(of: node)) }
  }

  package func read(
    _ node: NodeID, at offset: UInt64, into target: inout MutableRawSpan
  ) throws(Errno) -> Int {
    do throws(ReadError) {
      let inode = try image.inode(numbering.nid(of: node))
      guard let paged else { return try image.read(inode, at: offset, into: &target) }
      return try paged.read(inode, at: offset, into: &target)
    } catch {
      onError(error)
      throw Errno(error)
    }
  }

  package func readDirectory(
    _ node: NodeID, from cookie: UInt64, into listing: inout DirectoryListing
  ) throws(Errno) {
    do throws(ReadError) {
      let directory = try image.inode(numbering.nid(of: node))
      var failure: ReadError?
      try image.readDirectory(directory, from: cookie) { found, nextCookie in
        do throws(ReadError) {
          let isDot = found.name.bytes == [0x2E] || found.name.bytes == [0x2E, 0x2E]
          // The kernel takes no look-up reference for the dots, so their attributes are not wanted.
          let full =
            listing.wantsAttributes && !isDot ? entry(of: try image.inode(found.nid)) : nil
          return listing.append(
            name: found.name.bytes.rawSpan, node: numbering.node(of: found.nid),
            type: found.typeHint?.nodeType, nextCookie: nextCookie, entry: full)
        } catch {
          failure = error
          return false
        }
      }
      if let failure { throw failure }
    } catch {
      onError(error)
      throw Errno(error)
    }
  }

  package func extendedAttribute(
    _ name: RawSpan, of node: NodeID
  ) throws(Errno) -> [UInt8]? {
    let inode = try inode(node)
    do throws(ReadError) {
      return try image.extendedAttribute(named: name, of: inode)
    } catch {
      onError(error)
      throw Errno(error)
    }
  }

  package func extendedAttributeNames(of node: NodeID) throws(Errno) -> [[UInt8]] {
    let inode = try inode(node)
    return try reporting { () throws(ReadError) in
      try image.extendedAttributes(inode).map(\.name)
    }
  }

  package func statistics() throws(Errno) -> FilesystemStatistics {
    FilesystemStatistics(
      blockCount: image.superblock.blockCount, fileCount: image.superblock.inodeCount,
      blockSize: UInt32(image.superblock.blockByteCount))
  }

  private func entry(of inode: Inode) -> NodeEntry {
    NodeEntry(node: numbering.node(of: inode.nid), attributes: attributes(of: inode))
  }

  private func attributes(of inode: Inode) -> NodeAttributes {
    NodeAttributes(
      inodeNumber: numbering.node(of: inode.nid).rawValue, mode: UInt32(inode.mode),
      byteCount: inode.byteCount,
      blockCount: inode.byteCount.dividedRoundingUp(by: 512),
      modificationSeconds: inode.modificationTime.seconds,
      modificationNanoseconds: inode.modificationTime.nanoseconds, linkCount: inode.linkCount,
      userID: inode.userID, groupID: inode.groupID,
      deviceNumber: NodeAttributes.deviceNumber(
        major: inode.deviceNumber.major, minor: inode.deviceNumber.minor),
      blockSize: UInt32(image.superblock.blockByteCount))
  }

  private func inode(_ node: NodeID) throws(Errno) -> Inode {
    let nid = numbering.nid(of: node)
    return try reporting { () throws(ReadError) in try image.inode(nid) }
  }

  private func reporting<Value>(
    _ body: () throws(ReadError) -> Value
  ) throws(Errno) -> Value {
    do throws(ReadError) {
      return try body()
    } catch {
      onError(error)
      throw Errno(error)
    }
  }
}
