internal import Bytes

extension SourceTree {
  /// Lays `layer` over this tree: what it whites out goes first, so its own files stay.
  mutating func apply(_ layer: Layer) {
    for path in layer.opaqueDirectories {
      if let directory = node(at: path), nodes[directory].isDirectory {
        removeEntries(of: directory)
      }
    }
    for path in layer.whiteouts {
      guard let name = path.last, let parent = node(at: path.dropLast()),
        nodes[parent].isDirectory
      else { continue }
      setEntry(name, in: parent, to: nil)
    }
    let below = self
    overlay(with: layer.tree)
    for link in layer.links {
      guard let name = link.path.last, let target = below.node(at: link.target),
        !below.nodes[target].isDirectory
      else { continue }
      setEntry(name, in: makeDirectories(link.path.dropLast()), to: target)
    }
  }
}
