import Bytes
import EROFS
import EROFSReader
import Foundation
import ImageExport
import TestSupport
import Testing

@Suite struct ManifestTests {
  private static func paths(_ image: Image, from directory: Inode? = nil) throws -> [String] {
    var walk = try ManifestWalk(image, from: directory)
    var paths: [String] = []
    while let step = try walk.step() { paths.append(FileName(step.path).text) }
    return paths
  }

  @Test func `entries come in the order of their paths' bytes`() throws {
    let tree = HandmadeTree(nodes: [
      .directory([
        ("!x", 1), ("-x", 1), (".h", 1), ("a", 2), ("a!", 2), ("a-b", 3), ("a0", 1), ("é", 1),
      ]),
      .file("content"),
      .directory([("c", 1), ("-", 1)]),
      .directory([("z", 1)]),
    ])
    // A directory has one name only, so the second of its kind is made apart.
    var nodes = tree.nodes
    nodes.append(.directory([("y", 1)]))
    nodes[0].entries = nodes[0].entries?.map { $0.name == "a!" ? ("a!", 4) : $0 }
    let image = try HandmadeTree(nodes: nodes).open()
    let paths = try Self.paths(image)
    #expect(
      paths == [
        "!x", "-x", ".", ".h", "a", "a!", "a!/y", "a-b", "a-b/z", "a/-", "a/c", "a0", "é",
      ])
    #expect(
      paths == paths.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
    let directory = try #require(try image.resolve(path: [FileName("a")]))
    #expect(try Self.paths(image, from: directory) == ["-", ".", "c"])
  }

  @Test func `a tree of nothing is its root`() throws {
    #expect(try Self.paths(try HandmadeTree(nodes: [.directory([])]).open()) == ["."])
  }

  @Test func `entries leave out the dots`() throws {
    let image = try HandmadeTree(nodes: [.directory([("-", 1), ("b", 1)]), .file("")]).open()
    let root = try image.inode(image.superblock.rootNID)
    #expect(try image.entries(of: root).map(\.name) == [FileName("-"), FileName("b")])
  }

  @Test(
    .enabled(if: SharedData.hasFixtures),
    arguments: ["plain", "compact-inodes", "lz4-allfrag-dedupe", "xattr-prefix", "blobdev"])
  func `a manifest says what the kernel shows`(name: String) throws {
    let image = try Fixtures.image(name)
    var expected = try SharedData.manifest(of: name)
    var walk = try ManifestWalk(image)
    var last: [UInt8]?
    while let (path, inode) = try walk.step() {
      if let last { #expect(last.lexicographicallyPrecedes(path)) }
      last = path
      let entry = try ManifestEntry(
        inode, at: path, in: image, withAttributes: true, withDigest: true)
      let found = expected.removeValue(forKey: entry.path)
      let known = try #require(found)
      let note = Comment(rawValue: entry.path)
      #expect(Int(entry.mode) == known["mode"] as? Int, note)
      #expect(Int(entry.uid) == known["uid"] as? Int, note)
      #expect(Int(entry.gid) == known["gid"] as? Int, note)
      #expect(Int(entry.nlink) == known["nlink"] as? Int, note)
      #expect(Int(entry.mtime) == known["mtime"] as? Int, note)
      #expect(entry.size.map { Int($0) } == known["size"] as? Int, note)
      #expect(entry.sha256 == known["sha256"] as? String, note)
      #expect(entry.target == known["target"] as? String, note)
      #expect(entry.rdev?.map { Int($0) } == known["rdev"] as? [Int], note)
      #expect(entry.xattrs ?? [:] == known["xattrs"] as? [String: String] ?? [:], note)
      #expect(entry.pathHex == nil, note)
    }
    #expect(expected.isEmpty)
  }

  @Test func `times beyond what nanoseconds can count are the farthest that fit`() {
    let cases: [(Int64, UInt32, Int64)] = [
      (0, 5, 5), (-1, 999_999_999, -1), (.max, 0, .max), (.min, 0, .min),
      (9_223_372_036, 854_775_807, .max), (9_223_372_036, 854_775_808, .max),
    ]
    for (seconds, nanoseconds, expected) in cases {
      let time = Timestamp(seconds: seconds, nanoseconds: nanoseconds)
      #expect(time.nanosecondsSinceEpoch == expected)
    }
  }
}
