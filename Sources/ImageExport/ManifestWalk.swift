internal import Bytes
package import EROFS
package import EROFSReader

/// Every entry of a tree in the order of manifests: by path as bytes, the root being `.`.
package struct ManifestWalk {
  private static let rootPath: [UInt8] = [UInt8(ascii: ".")]

  private var walk: TreeWalk
  private var root: TreeEntry?
  private var next: TreeEntry?

  /// A walk through `image`, or through `directory` of it and what is below.
  package init(_ image: Image, from directory: Inode? = nil) throws(ReadError) {
    walk = TreeWalk(image, from: directory)
    root = try walk.next()
    next = try walk.next()
  }

  /// The next entry's path and inode, or nil after the last.
  package mutating func step() throws(ReadError) -> (path: [UInt8], inode: Inode)? {
    // Names such as "!x" and "-x" sort before the root's dot.
    if let root, !(next?.path.lexicographicallyPrecedes(Self.rootPath) ?? false) {
      self.root = nil
      return (Self.rootPath, root.inode)
    }
    guard let entry = next else { return nil }
    next = try walk.next()
    return (entry.path, entry.inode)
  }
}

extension Image {
  /// All entries of `directory` but the dots, in the image's order.
  package func entries(of directory: Inode) throws(ReadError) -> [DirectoryEntry] {
    let dots = [FileName("."), FileName("..")]
    var entries: [DirectoryEntry] = []
    try readDirectory(directory, from: 0) { entry, _ in
      if !dots.contains(entry.name) { entries.append(entry) }
      return true
    }
    return entries
  }
}
