internal import ArgumentParser
internal import Bytes
internal import EROFS
internal import EROFSReader
internal import ImageExport
internal import Node

/// `cullet ls`: what lies in a directory of an image.
struct List: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls", abstract: "List a directory of an image.",
    discussion: """
      EXAMPLE
        cullet ls -l https://host/image.erofs usr/bin
      """)

  @OptionGroup var image: ImageOptions
  @Argument(help: "A path in the image.") var path = "."
  @Flag(name: .short, help: "Long lines, like 'ls -l'.") var long = false
  @Flag(name: [.customShort("R"), .customLong("recursive")], help: "Everything below, too.")
  var isRecursive = false
  @Flag(help: "Print one JSON document an entry.") var json = false

  func run() throws {
    try image.withImage { image in
      let inode = try image.requireInode(at: path)
      if isRecursive {
        var walk = try ManifestWalk(image, from: inode)
        while let entry = try walk.step() { try show(entry.inode, at: entry.path, in: image) }
      } else if inode.fileType == .directory {
        for entry in try image.entries(of: inode) {
          try show(try image.inode(entry.nid), at: entry.name.bytes, in: image)
        }
      } else {
        try show(inode, at: [UInt8](path.utf8), in: image)
      }
    }
  }

  private func show(_ inode: Inode, at path: [UInt8], in image: Image) throws {
    guard json || long else { return Terminal.write(Terminal.shown(path) + [0x0A]) }
    let entry = try ManifestEntry(
      inode, at: path, in: image, withAttributes: false, withDigest: false)
    if json { return try Terminal.printJSON(entry) }
    let size = entry.rdev.map { "\($0[0]), \($0[1])" } ?? "\(inode.byteCount)"
    let target = entry.target.map { " -> \($0)" } ?? ""
    let line =
      "\(modeText(inode)) \(padded("\(entry.nlink)", 3)) \(padded("\(entry.uid)", 5)) "
      + "\(padded("\(entry.gid)", 5)) \(padded(size, 10)) "
      + "\(timeText(entry.mtime)) \(entry.path)\(target)"
    Terminal.write(Terminal.shown([UInt8](line.utf8)) + [0x0A])
  }
}

/// The ten characters of `ls -l`: type, then permissions with set-id and sticky bits.
func modeText(_ inode: Inode) -> String {
  let mode = inode.mode
  let type: Character =
    switch inode.fileType {
    case .regular: "-"
    case .directory: "d"
    case .symbolicLink: "l"
    case .characterDevice: "c"
    case .blockDevice: "b"
    case .fifo: "p"
    case .socket: "s"
    }
  func triple(_ shift: UInt16, _ special: UInt16, _ letter: String) -> String {
    let bits = mode >> shift
    let execute =
      mode & special != 0
      ? (bits & 1 != 0 ? letter : letter.uppercased()) : (bits & 1 != 0 ? "x" : "-")
    return (bits & 4 != 0 ? "r" : "-") + (bits & 2 != 0 ? "w" : "-") + execute
  }
  return String(type) + triple(6, 0o4000, "s") + triple(3, 0o2000, "s") + triple(0, 0o1000, "t")
}
