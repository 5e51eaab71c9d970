internal import Bytes
package import EROFS

/// A file of an image, with the path that leads to it.
package struct TreeEntry: Hashable, Sendable {
  /// The names from the root, joined with slashes; empty for the root itself.
  package let path: [UInt8]
  package let inode: Inode
}

/// Every file of an image once a path, in order of the paths' bytes.
///
/// Ends on any image: a directory that is reached twice is an error, and so are levels beyond
/// ``depthLimit``. After an error, the walk can go on with what follows the part at fault.
/// Memory: the directories seen, and a batch of entries for each level.
package struct TreeWalk {
  /// Levels of directories; a path with more cannot be named to Linux.
  package static let depthLimit = 2048
  private static let batchCount = 128

  /// A directory that the walk is in, and what it has yet to give.
  private struct Level {
    var directory: Inode
    var path: [UInt8]
    var cookie: UInt64 = 0
    var batch: [(entry: DirectoryEntry, nextCookie: UInt64)] = []
    var position = 0
    var isExhausted = false
    /// Subdirectories that were given but not entered, as `a/…` comes after `a-b`.
    var pending: [Inode] = []
    var pendingPaths: [[UInt8]] = []
  }

  private let image: Image
  private let root: Inode?
  private var levels: [Level] = []
  private var hasStarted = false
  private var directories: Set<UInt64> = []

  /// A walk through all of `image`, or only through `directory` and what is below it.
  ///
  /// Paths are relative to where the walk starts.
  package init(_ image: Image, from directory: Inode? = nil) {
    self.image = image
    root = directory
  }

  /// The next file, or nil after the last.
  package mutating func next() throws(ReadError) -> TreeEntry? {
    if !hasStarted {
      hasStarted = true
      let root = if let root { root } else { try image.inode(image.superblock.rootNID) }
      directories.insert(root.nid)
      levels.append(Level(directory: root, path: []))
      return TreeEntry(path: [], inode: root)
    }
    while let depth = levels.indices.last {
      let entry: DirectoryEntry?
      do {
        entry = try peek(depth)
      } catch {
        // What was given already may still have subdirectories to enter.
        levels[depth].isExhausted = true
        levels[depth].batch = []
        levels[depth].position = 0
        throw error
      }
      guard let entry else {
        leaveOrEnter(depth)
        continue
      }
      let path = join(levels[depth].path, entry.name.bytes)
      if let pending = levels[depth].pendingPaths.last,
        (pending + [UInt8(ascii: "/")]).lexicographicallyPrecedes(path)
      {
        enterPending(depth)
        continue
      }
      levels[depth].position += 1
      levels[depth].cookie = levels[depth].batch[levels[depth].position - 1].nextCookie
      let inode = try image.inode(entry.nid)
      if inode.fileType == .directory {
        guard directories.insert(inode.nid).inserted, levels.count < Self.depthLimit else {
          throw .format(EROFSError(.directoryLoop, at: inode.nid))
        }
        levels[depth].pending.append(inode)
        levels[depth].pendingPaths.append(path)
      }
      return TreeEntry(path: path, inode: inode)
    }
    return nil
  }

  private func join(_ directory: [UInt8], _ name: [UInt8]) -> [UInt8] {
    directory.isEmpty ? name : directory + [UInt8(ascii: "/")] + name
  }

  private mutating func leaveOrEnter(_ depth: Int) {
    if levels[depth].pending.isEmpty {
      levels.removeLast()
    } else {
      enterPending(depth)
    }
  }

  private mutating func enterPending(_ depth: Int) {
    let directory = levels[depth].pending.removeLast()
    let path = levels[depth].pendingPaths.removeLast()
    levels.append(Level(directory: directory, path: path))
  }

  /// The entry that level `depth` has next, without taking it; nil when there is none left.
  private mutating func peek(_ depth: Int) throws(ReadError) -> DirectoryEntry? {
    if levels[depth].position == levels[depth].batch.count, !levels[depth].isExhausted {
      var batch: [(entry: DirectoryEntry, nextCookie: UInt64)] = []
      var isExhausted = true
      let dots = [FileName("."), FileName("..")]
      try image.readDirectory(levels[depth].directory, from: levels[depth].cookie) { entry, next in
        if batch.count == Self.batchCount {
          isExhausted = false
          return false
        }
        if !dots.contains(entry.name) { batch.append((entry, next)) }
        return true
      }
      levels[depth].batch = batch
      levels[depth].position = 0
      levels[depth].isExhausted = isExhausted
    }
    let level = levels[depth]
    return level.position < level.batch.count ? level.batch[level.position].entry : nil
  }
}
