import Foundation
import TestSupport
import Testing

/// Two versions of an image, mounted together over HTTP: what they have in common is there once.
@Suite(.serialized, .enabled(if: Stage.isPossible, "needs root and /dev/fuse"))
struct SharedMemoryTests {
  private static let fileCount = 40
  private static let fileByteCount = 100_000

  private let stage: Stage
  private let server: NginxServer

  init() async throws {
    stage = try Stage()
    for name in ["www", "one", "two"] {
      try FileManager.default.createDirectory(
        atPath: stage.directory.file(name), withIntermediateDirectories: false)
    }
    server = try await NginxServer(root: stage.directory.file("www"))
  }

  private func bytes(_ seed: UInt64) -> Data {
    var generator = SeededGenerator(seed: seed)
    return Data(generator.bytes(count: Self.fileByteCount))
  }

  /// Makes the image `name` of files that are alike in all images, but for the last.
  private func makeImage(_ name: String, last: UInt64) throws {
    let tree = stage.directory.file("tree")
    try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: false)
    for number in 0..<Self.fileCount {
      let seed = number == Self.fileCount - 1 ? last : UInt64(number)
      try bytes(seed).write(to: URL(filePath: "\(tree)/file-\(number)"))
    }
    try stage.succeed(
      "pack", "--quiet", "--fingerprints", "-o", stage.directory.file("www/\(name).erofs"), tree)
    try FileManager.default.removeItem(atPath: tree)
  }

  private func mount(_ name: String, _ options: String...) throws -> String {
    let point = stage.directory.file(name)
    try stage.succeed(["mount", server.url("\(name).erofs"), point] + options)
    return point
  }

  private func readAll(_ point: String) throws -> [Data] {
    try (0..<Self.fileCount).map { number in
      try Data(contentsOf: URL(filePath: "\(point)/file-\(number)"))
    }
  }

  private func unmountAll() throws {
    for name in ["one", "two"] { try stage.succeed("unmount", stage.directory.file(name)) }
  }

  @Test func `files that another mount has read are neither fetched nor held twice`() throws {
    try makeImage("one", last: 1000)
    try makeImage("two", last: 2000)
    let first = try readAll(try mount("one"))
    let fetched = try stage.status("origin", "bytes")
    let pages = try stage.status("memory", "pages")
    let second = try readAll(try mount("two"))
    #expect(second.dropLast() == first.dropLast())
    #expect(second.last == bytes(2000))
    // The one file that differs, metadata, and what is read ahead.
    #expect(try stage.status("origin", "bytes") - fetched < fetched / 3)
    let pagesOfOneFile = (Self.fileByteCount + 4095) / 4096
    #expect(try stage.status("memory", "pages") - pages <= pagesOfOneFile)
    #expect(try stage.status("memory", "sharedHits") > 0)
    #expect(
      try stage.status("memory", "logicalBytes") >= 2 * Self.fileCount * Self.fileByteCount)
    try unmountAll()
  }

  @Test func `mounts of different domains share nothing`() throws {
    try makeImage("one", last: 1000)
    try makeImage("two", last: 1000)
    _ = try readAll(try mount("one"))
    let pages = try stage.status("memory", "pages")
    _ = try readAll(try mount("two", "--domain", "other"))
    #expect(try stage.status("memory", "pages") == 2 * pages)
    #expect(try stage.status("memory", "sharedHits") == 0)
    try unmountAll()
  }

  @Test func `an image that lies about a fingerprint deceives no other`() throws {
    try makeImage("two", last: 1000)
    // The same image, fingerprints and all, but for the bytes of its files.
    var forged = try Data(contentsOf: URL(filePath: stage.directory.file("www/two.erofs")))
    let content = bytes(0)
    let place = try #require(forged.range(of: content.prefix(4096)))
    forged.replaceSubrange(place, with: Data(repeating: 0x45, count: 4096))
    try forged.write(to: URL(filePath: stage.directory.file("www/one.erofs")))
    let lies = try readAll(try mount("one"))
    #expect(lies[0] != content)
    let truth = try readAll(try mount("two"))
    #expect(truth[0] == content)
    #expect(truth.last == bytes(1000))
    try unmountAll()
  }
}
