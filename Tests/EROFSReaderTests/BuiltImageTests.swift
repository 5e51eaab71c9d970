import Bytes
import Codecs
import EROFS
import EROFSReader
import Foundation
import TestSupport
import Testing

/// The path of mkfs.erofs, where there is one.
private let builder: String? = ["/usr/bin/mkfs.erofs", "/usr/local/bin/mkfs.erofs"].first {
  FileManager.default.isExecutableFile(atPath: $0)
}

/// Images that mkfs.erofs makes of files larger than the fixtures have.
@Suite(.enabled(if: builder != nil)) struct BuiltImageTests {
  /// Content that compresses well here and not at all there, with stretches of zeros.
  private static func content(count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
    let words = (0..<200).map { _ in
      generator.bytes(count: Int.random(in: 2...12, using: &generator))
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 100_000)
    while bytes.count < count {
      let stretch = Int.random(in: 1...60_000, using: &generator)
      switch Int.random(in: 0..<8, using: &generator) {
      case 0: bytes += [UInt8](repeating: 0, count: stretch)
      case 1, 2: bytes += generator.bytes(count: stretch)
      default:
        let end = bytes.count + stretch
        while bytes.count < end { bytes += words.randomElement(using: &generator) ?? [] }
      }
    }
    return Array(bytes.prefix(count))
  }

  private static func build(_ options: [String], _ directory: TemporaryDirectory) throws -> Image {
    let process = Process()
    process.executableURL = URL(filePath: builder ?? "")
    process.arguments =
      ["--quiet", "-T0"] + options + [directory.file("image"), directory.file("tree")]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: directory.file("image"))))
    return try Image(source: MemorySource(bytes))
  }

  @Test(
    arguments: [
      [], ["-zlz4"], ["-zlz4hc", "-C65536"], ["-zlz4hc,6", "-C1048576"],
      ["-zlz4", "-Elegacy-compress"], ["-zlz4", "-Eztailpacking"],
      ["-zlz4hc", "-C32768", "-Eztailpacking"], ["-zlz4", "--max-extent-bytes=5000"],
      ["--chunksize=4096"], ["--chunksize=1048576", "-Eforce-chunk-indexes"],
      ["-Enoinline_data"],
    ] as [[String]])
  func `reads back what was built, in any pieces`(options: [String]) throws {
    var generator = SeededGenerator(for: "built with \(options)")
    let directory = try TemporaryDirectory()
    try FileManager.default.createDirectory(
      atPath: directory.file("tree"), withIntermediateDirectories: true)
    var contents: [(name: String, bytes: [UInt8])] = []
    for (number, count) in [4_500_000, 600_000, 70_001, 4097, 1, 0].enumerated() {
      contents.append(("f\(number)", Self.content(count: count, &generator)))
    }
    contents.append(("zeros", [UInt8](repeating: 0, count: 13_000_000)))
    for file in contents { try directory.write(file.bytes, to: "tree/\(file.name)") }
    let image = try Self.build(options, directory)
    for file in contents {
      let inode = try #require(try image.resolve(path: [FileName(file.name)]))
      let extents = try image.extents(of: inode)
      #expect(extents.reduce(0) { $0 + $1.byteCount } == UInt64(file.bytes.count))
      for pieceByteCount in [1 << 20, 131_072, 9999] {
        let content = try image.content(of: inode, pieceByteCount: pieceByteCount)
        let difference = difference(content, file.bytes)
        #expect(difference == nil, "\(file.name) in pieces of \(pieceByteCount)")
      }
      guard !file.bytes.isEmpty else { continue }
      for _ in 0..<200 {
        let start = Int.random(in: 0..<file.bytes.count, using: &generator)
        let count = Int.random(in: 1...200_000, using: &generator)
        var piece = [UInt8](repeating: 0x77, count: count)
        var span = piece.mutableRawSpan
        let read = try image.read(inode, at: UInt64(start), into: &span)
        let end = min(file.bytes.count, start + count)
        let difference = difference(piece[..<read], file.bytes[start..<end])
        #expect(difference == nil, "\(file.name) from \(start)")
      }
    }
  }

  @Test func `a directory of many blocks is searched and listed whole`() throws {
    let directory = try TemporaryDirectory()
    try FileManager.default.createDirectory(
      atPath: directory.file("tree"), withIntermediateDirectories: true)
    for number in 0..<3000 { try directory.write([], to: "tree/entry-\(number)-\(number % 7)") }
    let image = try Self.build([], directory)
    let root = try image.inode(image.superblock.rootNID)
    var names: [FileName] = []
    var cookie: UInt64 = 0
    // In small helpings, as FUSE asks for them.
    while true {
      var count = 0
      try image.readDirectory(root, from: cookie) { entry, next in
        names.append(entry.name)
        cookie = next
        count += 1
        return count < 37
      }
      if count == 0 { break }
    }
    #expect(names.count == 3002)
    #expect(names == names.sorted())
    for name in names {
      let entry = try image.lookUp(name.bytes.rawSpan, in: root)
      #expect(entry?.name == name)
    }
  }
}
