internal import Bytes
internal import Linux

/// A tree as a command names it: a directory, a tar archive or a container image.
package enum TreeInput {
  /// The path of a directory, an archive or an OCI layout; `-` is an archive on standard input.
  case path(String)
  /// The layers of a container image that was fetched; the name is for errors.
  case layers([FileContent], name: String)

  /// The trees that `inputs` are, each laid over those before it.
  ///
  /// What can be read only once is kept in `spool`.
  package static func read(
    merging inputs: [TreeInput], spool: ArchiveSpool
  ) throws(TreeSourceError) -> SourceTree {
    var merged: SourceTree?
    for input in inputs {
      let tree: SourceTree
      switch input {
      case .path(let path): tree = try read(path, spool)
      case .layers(let layers, let name): tree = try merge(layers, spool, name)
      }
      if merged == nil { merged = tree } else { merged?.overlay(with: tree) }
    }
    guard let merged else { preconditionFailure("no trees to merge") }
    return merged
  }

  private static func read(
    _ argument: String, _ spool: ArchiveSpool
  ) throws(TreeSourceError) -> SourceTree {
    if argument == "-" {
      let pipe = try system("standard input") { () throws(SystemError) in
        try FileDescriptor.inherited(0)
      }
      return try archive(try ArchiveStream(pipe: pipe, name: "standard input"), spool, argument)
    }
    let file = try system(argument) { () throws(SystemError) in
      try FileDescriptor(opening: argument, .readOnly)
    }
    let status: FileStatus
    do throws(SystemError) {
      status = try file.status()
    } catch {
      throw TreeSourceError(.system(error.errno), argument)
    }
    if status.isDirectory {
      let tree = try DirectoryScanner.scan(argument)
      let layers = try ContainerImage.layers(in: tree, isArchive: false, name: argument)
      return try layers.map { layers throws(TreeSourceError) in
        try merge(layers, spool, argument)
      } ?? tree
    }
    guard status.isRegular else {
      return try archive(try ArchiveStream(pipe: file, name: argument), spool, argument)
    }
    let content = FileContent(
      all: ArchiveFile(file, name: argument), byteCount: status.byteCount)
    return try archive(try ArchiveStream(content, name: argument), spool, argument)
  }

  private static func system<Value: ~Copyable>(
    _ name: String, _ body: () throws(SystemError) -> Value
  ) throws(TreeSourceError) -> Value {
    do throws(SystemError) {
      return try body()
    } catch {
      throw TreeSourceError(.system(error.errno), name)
    }
  }

  private static func archive(
    _ stream: consuming ArchiveStream, _ spool: ArchiveSpool, _ name: String
  ) throws(TreeSourceError) -> SourceTree {
    let tree = try TarReader(stream, spool: spool, isLayer: false).readAll().tree
    guard let layers = try ContainerImage.layers(in: tree, isArchive: true, name: name) else {
      return tree
    }
    return try merge(layers, spool, name)
  }

  private static func merge(
    _ layers: [FileContent], _ spool: ArchiveSpool, _ name: String
  ) throws(TreeSourceError) -> SourceTree {
    guard !layers.isEmpty else {
      throw TreeSourceError(.malformed("an image without layers"), name)
    }
    var tree = SourceTree(root: .impliedDirectory())
    for layer in layers {
      let stream = try ArchiveStream(layer, name: name)
      try tree.apply(try TarReader(stream, spool: spool, isLayer: true).readAll(), of: name)
    }
    return tree
  }
}
