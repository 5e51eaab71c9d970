package import Bytes
package import EROFS

/// One thing that is wrong with an image.
package struct Fault: Hashable, Sendable {
  /// What part of the format is broken; the raw values are for scripts.
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    /// The superblock, or a table that it points to.
    case superblock
    /// A block of a directory, or an entry in it.
    case directory
    /// Directories that are no tree: loops, second names, too many levels.
    case graph
    /// An inode, or what it says of data that needs no map.
    case inode
    /// Extended attributes.
    case attribute
    /// The chunk table of a file.
    case chunk
    /// The indexes of a compressed file.
    case clusterIndex = "cluster-index"
    /// The table of extents of a compressed file.
    case extentTable = "extent-table"
    /// Compressed data that does not decode to what its map says.
    case data
    /// The packed inode or the metabox, or a reference into one.
    case specialInode = "special-inode"
    /// Compressed data of several extents that share blocks and do not agree.
    case overlap
    /// Content that is not what its fingerprint says.
    case fingerprint
    /// A valid feature that this reader lacks, so that nothing can be said.
    case unsupported
  }

  package var kind: Kind
  /// Where the structure at fault is.
  package var address: MetadataAddress
  /// The inode concerned, if it is one.
  package var nid: UInt64?
  /// The path of the file or directory concerned, where one leads to it; the root's is empty.
  package var path: FileName?
  /// What is wrong, for people.
  package var message: String

  /// One line for people.
  package var description: String {
    let space = address.space == .image ? "" : " of the \(address.space)"
    let place = path.map { $0.bytes.isEmpty ? ", /" : ", /\($0.text)" } ?? ""
    return "\(kind.rawValue) at \(address.offset)\(space)\(place): \(message)"
  }
}
