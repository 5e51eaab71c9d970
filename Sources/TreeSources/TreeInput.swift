/// A tree as a command names it.
package enum TreeInput {
  /// The tree that `argument` names: a directory.
  package static func read(_ argument: String) throws(TreeSourceError) -> SourceTree {
    try DirectoryScanner.scan(argument)
  }

  /// The trees that `arguments` name, each laid over those before it.
  package static func read(merging arguments: [String]) throws(TreeSourceError) -> SourceTree {
    var merged: SourceTree?
    for argument in arguments {
      let tree = try read(argument)
      if merged == nil { merged = tree } else { merged?.overlay(with: tree) }
    }
    guard let merged else { preconditionFailure("no trees to merge") }
    return merged
  }
}
