internal import Bytes

extension SourceTree {
  /// Lays `layer` over this tree: what it whites out goes first, so its own files stay.
  ///
  /// A hard link to a file that is in neither is malformed; `name` is the image's, for the message.
  mutating func apply(_ layer: Layer, of name: String) throws(TreeSourceError) {
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
    var linked: [[FileName]: Int] = [:]
    for (path, link) in layer.links.sorted(by: { $0.value.number < $1.value.number }) {
      guard let entry = path.last, let file = linked[link.target] ?? below.node(at: link.target),
        !below.nodes[file].isDirectory
      else {
        throw TreeSourceError(
          .malformed("a hard link to \(link.target.text), which is no file"), name)
      }
      linked[path] = file
      setEntry(entry, in: makeDirectories(path.dropLast()), to: file)
    }
  }
}

extension [FileName] {
  /// The path, for messages.
  var text: String { map(\.text).joined(separator: "/") }
}
