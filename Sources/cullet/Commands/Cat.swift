internal import ArgumentParser
internal import Bytes
internal import EROFS
internal import EROFSReader
internal import ImageExport
internal import Linux
internal import Node

/// `cullet cat`: what files of an image hold.
struct Cat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write the contents of files to stdout.",
    discussion: """
      EXAMPLE
        cullet cat https://host/image.erofs etc/os-release
      """)

  @OptionGroup var image: ImageOptions
  @Argument(help: "Paths of regular files in the image.") var paths: [String]

  func run() throws {
    try image.withImage { image in
      for path in paths {
        let inode = try image.requireInode(at: path)
        guard inode.fileType == .regular else {
          throw Failure(.noInput, "\(path): not a regular file but a \(inode.fileType.name)")
        }
        var pieces = FilePieces(of: inode, in: image)
        while let piece = try pieces.next() { try FileDescriptor.write(piece, to: 1) }
      }
    }
  }
}

extension Image {
  /// The inode at `path`, or the failure that a user is told.
  func requireInode(at path: String) throws -> Inode {
    let names = path.utf8.split(separator: UInt8(ascii: "/")).map { FileName([UInt8]($0)) }
    guard let inode = try resolve(path: names.filter { $0 != FileName(".") }) else {
      throw Failure(.noInput, "\(path): no such entry in the image")
    }
    return inode
  }
}
