package import Bytes

/// A tree of files, in memory but for what regular files hold.
///
/// Node 0 is the root, a directory. A node that several entries name is one file with hard links;
/// directories have one name each. Nodes that no entry names any more are no part of the tree.
package struct SourceTree: Sendable {
  package private(set) var nodes: [SourceNode]

  /// A tree of nothing but `root`, a directory.
  package init(root: SourceNode) {
    precondition(root.isDirectory, "the root of a tree is a directory")
    nodes = [root]
  }

  /// Adds a file that no entry names yet; returns its number.
  package mutating func add(_ node: SourceNode) -> Int {
    nodes.append(node)
    return nodes.count - 1
  }

  /// Names the node `child` in `directory`, in place of what had that name.
  package mutating func setEntry(_ name: FileName, in directory: Int, to child: Int?) {
    guard case .directory(var children) = nodes[directory].content else {
      preconditionFailure("an entry in a file that is no directory")
    }
    // Emptied meanwhile, so that the dictionary is changed in place.
    nodes[directory].content = .directory([:])
    children[name] = child
    nodes[directory].content = .directory(children)
  }

  /// Replaces all of a node but, where both are directories, its entries.
  package mutating func describe(_ index: Int, as node: SourceNode) {
    var node = node
    if node.isDirectory, case .directory = nodes[index].content {
      node.content = nodes[index].content
    }
    nodes[index] = node
  }

  /// Takes the entries of a directory away.
  package mutating func removeEntries(of directory: Int) {
    nodes[directory].content = .directory([:])
  }

  /// The node that `path` leads to; symbolic links are not followed.
  package func node(at path: some Collection<FileName>) -> Int? {
    var index = 0
    for name in path {
      guard let child = nodes[index].children[name] else { return nil }
      index = child
    }
    return index
  }

  /// The directory at `path`; whatever else is in the way is replaced by directories.
  package mutating func makeDirectories(_ path: some Collection<FileName>) -> Int {
    var index = 0
    for name in path {
      if let child = nodes[index].children[name], nodes[child].isDirectory {
        index = child
      } else {
        let child = add(.impliedDirectory())
        setEntry(name, in: index, to: child)
        index = child
      }
    }
    return index
  }

  /// Lays `other` over this tree: directories are merged, and whatever else has the same path is
  /// replaced.
  package mutating func overlay(with other: SourceTree) {
    var numbers: [Int: Int] = [:]
    overlay(0, with: 0, of: other, &numbers)
  }

  /// Merges directory `theirs` of `other` into `index`; `numbers` says where files with several
  /// names went.
  private mutating func overlay(
    _ index: Int, with theirs: Int, of other: SourceTree, _ numbers: inout [Int: Int]
  ) {
    // What nobody described says nothing about what is there already.
    if !other.nodes[theirs].isImplied { describe(index, as: other.nodes[theirs]) }
    for (name, child) in other.nodes[theirs].children.sorted(by: { $0.key < $1.key }) {
      let node = other.nodes[child]
      if node.isDirectory {
        let target: Int
        if let existing = nodes[index].children[name], nodes[existing].isDirectory {
          target = existing
        } else {
          target = add(.impliedDirectory())
          setEntry(name, in: index, to: target)
        }
        overlay(target, with: child, of: other, &numbers)
      } else {
        let target = numbers[child] ?? add(node)
        numbers[child] = target
        setEntry(name, in: index, to: target)
      }
    }
  }
}
