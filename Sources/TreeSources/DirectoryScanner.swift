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

  private let root: SourceDirectory
  private var tree: SourceTree
  private var linked: [Identity: Int] = [:]
  /// Directories whose entries are yet to be read.
  private var pending: [(node: Int, path: [UInt8])] = [(0, [])]

  /// The tree below the directory `path`; a symbolic link to one is followed.
  package static func scan(_ path: String) throws(TreeSourceError) -> SourceTree {
    var scanner = try DirectoryScanner(SourceDirectory(path))
    while let (node, path) = scanner.pending.popLast() { try scanner.fill(node, from: path) }
    return scanner.tree
  }

  private init(_ root: SourceDirectory) throws(TreeSourceError) {
    self.root = root
    let node: SourceNode
    do throws(SystemError) {
      node = try Self.node(of: root.handle.itself(), FileName(""), in: root).node
    } catch {
      throw root.error(.system(error.errno), FileName(""))
    }
    tree = SourceTree(root: node)
  }

  /// Adds what is in the directory at `path` to node `directory`.
  private mutating func fill(_ directory: Int, from path: [UInt8]) throws(TreeSourceError) {
    let handle = try root.openDirectory(FileName(path))
    let names: [FileName]
    do throws(SystemError) {
      names = try handle.descriptor.entryNames(limit: .max)
    } catch {
      throw root.error(.system(error.errno), FileName(path))
    }
    for name in names {
      let childPath = path.isEmpty ? name.bytes : path + [UInt8(ascii: "/")] + name.bytes
      let node: SourceNode
      let status: FileStatus
      do throws(SystemError) {
        (node, status) = try Self.node(of: handle.entry(name), FileName(childPath), in: root)
      } catch {
        throw root.error(.system(error.errno), FileName(childPath))
      }
      let identity = Identity(device: status.device, inode: status.inode)
      if status.linkCount > 1, !node.isDirectory, let known = linked[identity] {
        tree.setEntry(name, in: directory, to: known)
        continue
      }
      let child = tree.add(node)
      tree.setEntry(name, in: directory, to: child)
      if node.isDirectory {
        pending.append((child, childPath))
      } else if status.linkCount > 1 {
        linked[identity] = child
      }
    }
  }

  private static func node(
    of entry: DirectoryHandle.Entry, _ path: FileName, in root: SourceDirectory
  ) throws(SystemError) -> (node: SourceNode, status: FileStatus) {
    let status = try entry.status()
    let mode = UInt16(truncatingIfNeeded: status.mode)  // st_mode has no more bits in use
    let content: SourceNode.Content =
      switch FileType(mode: mode) {
      case .directory: .directory([:])
      case .regular: .regular(FileContent(file: path, in: root, byteCount: status.byteCount))
      case .symbolicLink: .symbolicLink(target: try entry.linkTarget())
      case .characterDevice, .blockDevice:
        .device(DeviceNumber(major: status.deviceMajor, minor: status.deviceMinor))
      case .fifo, .socket, nil: .nothing
      }
    let node = SourceNode(
      mode: mode, userID: status.userID, groupID: status.groupID,
      modificationTime: Timestamp(
        seconds: status.modificationSeconds, nanoseconds: status.modificationNanoseconds),
      attributes: try entry.extendedAttributes(), content: content)
    return (node, status)
  }
}
