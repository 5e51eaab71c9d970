internal import Bytes

/// The directories found so far, each once, with the way to it.
///
/// Takes memory for a name a directory, however deep they are.
struct DirectoryTree {
  struct Node {
    var nid: UInt64
    /// The position of the parent; the root is its own.
    var parent: Int
    var name: FileName
    var depth: Int
    /// Entries for directories that are not "." or "..".
    var subdirectoryCount: UInt32 = 0
  }

  private(set) var nodes: [Node] = []
  private var positions: [UInt64: Int] = [:]

  /// Adds directory `nid`, called `name` in the directory at `parent`; nil when it is here already.
  mutating func add(_ nid: UInt64, called name: FileName, in parent: Int?) -> Int? {
    guard positions[nid] == nil else { return nil }
    positions[nid] = nodes.count
    let depth = parent.map { nodes[$0].depth + 1 } ?? 0
    nodes.append(Node(nid: nid, parent: parent ?? nodes.count, name: name, depth: depth))
    return nodes.count - 1
  }

  mutating func countSubdirectory(of position: Int) {
    nodes[position].subdirectoryCount &+= 1
  }

  /// The path of `name` in the directory at `position`, or of the directory itself.
  func path(of name: FileName?, in position: Int) -> FileName {
    var parts: [[UInt8]] = name.map { [$0.bytes] } ?? []
    var position = position
    while nodes[position].parent != position {
      parts.append(nodes[position].name.bytes)
      position = nodes[position].parent
    }
    return FileName(Array(parts.reversed().joined(separator: [UInt8(ascii: "/")])))
  }
}
