internal import Bytes
package import FUSEProtocol
package import FUSEServer
package import Linux

/// The filesystem of a hidden mount: files that are found by name and read, and nothing else.
///
/// Nobody can get there to list anything, and what opens its files is the kernel for this process.
package protocol HiddenFilesystem: Filesystem {}

extension HiddenFilesystem {
  package func readLink(_ node: NodeID) throws(Errno) -> [UInt8] { throw .invalidArgument }

  package func readDirectory(
    _ node: NodeID, from cookie: UInt64, into listing: inout DirectoryListing
  ) throws(Errno) {}

  package func extendedAttribute(_ name: RawSpan, of node: NodeID) throws(Errno) -> [UInt8]? {
    throw .notImplemented
  }

  package func extendedAttributeNames(of node: NodeID) throws(Errno) -> [[UInt8]] {
    throw .notImplemented
  }

  package func statistics() throws(Errno) -> FilesystemStatistics {
    FilesystemStatistics(blockCount: 0, fileCount: 0)
  }

  /// The attributes of a directory, or of a file of `byteCount` bytes.
  func attributes(of node: NodeID, byteCount: UInt64?) -> NodeAttributes {
    NodeAttributes(
      inodeNumber: node.rawValue, mode: byteCount == nil ? 0o040500 : 0o100400,
      byteCount: byteCount ?? 0, blockCount: (byteCount ?? 0).dividedRoundingUp(by: 512))
  }
}
