package import Bytes
package import EROFS

/// A file of a tree that an image is to be made of.
package struct SourceNode: Sendable {
  /// What is particular to the file's type.
  package enum Content: Sendable {
    /// Names to the numbers of nodes.
    case directory([FileName: Int])
    case regular(FileContent)
    case symbolicLink(target: [UInt8])
    case device(DeviceNumber)
    /// A FIFO or a socket.
    case nothing
  }

  /// Type and permissions, as in `st_mode`.
  package var mode: UInt16
  package var userID: UInt32
  package var groupID: UInt32
  package var modificationTime: Timestamp
  /// Sorted by name; names are whole and appear once.
  package var attributes: [(name: [UInt8], value: [UInt8])]
  package var content: Content
  /// Whether nobody described the file: it is a parent that an archive leaves out.
  var isImplied = false

  package init(
    mode: UInt16, userID: UInt32, groupID: UInt32, modificationTime: Timestamp,
    attributes: [(name: [UInt8], value: [UInt8])] = [], content: Content
  ) {
    self.mode = mode
    self.userID = userID
    self.groupID = groupID
    self.modificationTime = modificationTime
    self.attributes = attributes
    self.content = content
  }

  /// A directory that nobody described: a parent that an archive leaves out.
  static func impliedDirectory() -> SourceNode {
    var node = SourceNode(
      mode: 0o040755, userID: 0, groupID: 0,
      modificationTime: Timestamp(seconds: 0, nanoseconds: 0), content: .directory([:]))
    node.isImplied = true
    return node
  }

  package var isDirectory: Bool {
    if case .directory = content { true } else { false }
  }

  /// The entries of a directory; none for other files.
  package var children: [FileName: Int] {
    if case .directory(let children) = content { children } else { [:] }
  }
}
