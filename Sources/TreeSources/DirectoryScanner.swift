internal import Bytes
internal import EROFS
internal import Linux

/// Reads a directory and all below it, but for what regular files hold.
package struct DirectoryScanner {
  /// A file with several names, as the kernel tells files apart.
  private struct Identity: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  private var tree: SourceTree
  private var linked: [Identity: Int] = [:]

  /// The tree below the directory `path`; a symbolic link to one is followed.
  package static func scan(_ path: String) throws(TreeSourceError) -> SourceTree {
    let root = Array(path.utf8) + [UInt8(ascii: "/")]
    let node = try node(at: root, name: path).node
    var scanner = DirectoryScanner(tree: SourceTree(root: node))
    try scanner.fill(0, from: root)
    return scanner.tree
  }

  private init(tree: SourceTree) {
    self.tree = tree
  }

  /// Adds what is in the directory at `path`, which ends in a slash, to node `directory`.
  private mutating func fill(_ directory: Int, from path: [UInt8]) throws(TreeSourceError) {
    let names = try Self.reading(path) { () throws(SystemError) in
      try PathInspection(path).names()
    }
    for name in names {
      let childPath = path + name.bytes
      let (node, status) = try Self.node(at: childPath, name: FileName(childPath).text)
      let identity = Identity(device: status.device, inode: status.inode)
      if status.linkCount > 1, !node.isDirectory, let known = linked[identity] {
        tree.setEntry(name, in: directory, to: known)
        continue
      }
      let child = tree.add(node)
      tree.setEntry(name, in: directory, to: child)
      if node.isDirectory {
        try fill(child, from: childPath + [UInt8(ascii: "/")])
      } else if status.linkCount > 1 {
        linked[identity] = child
      }
    }
  }

  private static func node(
    at path: [UInt8], name: String
  ) throws(TreeSourceError) -> (node: SourceNode, status: FileStatus) {
    let inspection = PathInspection(path)
    return try reading(path) { () throws(SystemError) in
      let status = try inspection.status()
      let mode = UInt16(truncatingIfNeeded: status.mode)  // st_mode has no more bits in use
      let content: SourceNode.Content =
        switch FileType(mode: mode) {
        case .directory: .directory([:])
        case .regular: .regular(FileContent(path: path, byteCount: status.byteCount))
        case .symbolicLink: .symbolicLink(target: try inspection.linkTarget())
        case .characterDevice, .blockDevice:
          .device(DeviceNumber(major: status.deviceMajor, minor: status.deviceMinor))
        case .fifo, .socket, nil: .nothing
        }
      let node = SourceNode(
        mode: mode, userID: status.userID, groupID: status.groupID,
        modificationTime: Timestamp(
          seconds: status.modificationSeconds, nanoseconds: status.modificationNanoseconds),
        attributes: try inspection.extendedAttributes(), content: content)
      return (node, status)
    }
  }

  private static func reading<Value>(
    _ path: [UInt8], _ body: () throws(SystemError) -> Value
  ) throws(TreeSourceError) -> Value {
    do throws(SystemError) {
      return try body()
    } catch {
      throw TreeSourceError(.system(error.errno), FileName(path).text)
    }
  }
}
