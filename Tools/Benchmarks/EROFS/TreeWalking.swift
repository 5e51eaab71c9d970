internal import Bytes
internal import EROFS
internal import EROFSReader
internal import Foundation
internal import Linux
internal import TestSupport

/// A walk of 100,000 files in 1,000 directories, each looked up in its directory and its inode read.
struct TreeWalking {
  private static let directoryCount = 1000
  private static let fileCount = 100

  private let bytes: [UInt8]

  /// Makes an image of such a tree in `directory`.
  init(directory: String) throws {
    try Paths.createDirectory("\(directory)/tree", mode: 0o700)
    for number in 0..<Self.directoryCount {
      let path = "\(directory)/tree/part-\(number)"
      try Paths.createDirectory(path, mode: 0o700)
    }
    let script = """
      cd \(directory)/tree && for part in part-*; do
        (cd $part && eval touch file-{1..\(Self.fileCount)})
      done && mkfs.erofs --quiet ../tree.erofs . && rm -rf ../tree
      """
    let made = try Command(["bash", "-c", script])
    guard made.status == 0 else { throw StageError("no tree: \(made.errors)") }
    bytes = try readFile("\(directory)/tree.erofs")
  }

  func measure(runCount: Int) throws -> [(Series, Double?)] {
    var series = Series("walk with stat of 100,000 inodes", unit: .inodesPerSecond)
    for _ in 0..<runCount {
      let image = try Image(source: MemorySource(bytes))
      var count = 0
      let seconds = try processorTime {
        let root = try image.inode(image.superblock.rootNID)
        try walk(root, in: image, &count)
      }
      series.ours.append(Double(count) / seconds)
    }
    return [(series, 1_000_000)]
  }

  private func walk(_ directory: Inode, in image: Image, _ count: inout Int) throws {
    var entries: [DirectoryEntry] = []
    try image.readDirectory(directory, from: 0) { entry, _ in
      entries.append(entry)
      return true
    }
    for entry in entries where entry.name.bytes.first != UInt8(ascii: ".") {
      let inode = try image.inode(entry.nid)
      count += 1
      if inode.fileType == .directory { try walk(inode, in: image, &count) }
    }
  }
}

/// All of the file at `path`.
func readFile(_ path: String) throws -> [UInt8] {
  [UInt8](try Data(contentsOf: URL(filePath: path)))
}
