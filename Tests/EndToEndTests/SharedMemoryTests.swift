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
  private func makeImage(_ name: String, last: UInt64, fingerprints: Bool = true) throws {
    let tree = stage.directory.file("tree")
    try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: false)
    for number in 0..<Self.fileCount {
      let seed = number == Self.fileCount - 1 ? last : UInt64(number)
      try bytes(seed).write(to: URL(filePath: "\(tree)/file-\(number)"))
    }
    try stage.succeed(
      ["pack", "--quiet"] + (fingerprints ? ["--fingerprints"] : [])
        + ["-o", stage.directory.file("www/\(name).erofs"), tree])
    try FileManager.default.removeItem(atPath: tree)
  }

  private func mount(_ name: String, _ options: String...) throws -> String {
    let point = stage.directory.file(name)
    try stage.succeed(
      ["mount", "--page-cache", "private", server.url("\(name).erofs"), point] + options)
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
    let points = [try mount("one"), try mount("two")]
    let first = try readAll(points[0])
    let fetched = try stage.status("origin", "bytes")
    let pages = try stage.status("memory", "pages")
    let second = try readAll(points[1])
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

  @Test func `files that a mount has read before another comes are not fetched again`() throws {
    try makeImage("one", last: 1000)
    try makeImage("two", last: 2000)
    let first = try readAll(try mount("one"))
    // The kernel has the only copy that is needed so far.
    #expect(try stage.status("memory", "pages") == 0)
    let fetched = try stage.status("origin", "bytes")
    let second = try readAll(try mount("two"))
    #expect(second.dropLast() == first.dropLast())
    #expect(try stage.status("origin", "bytes") - fetched < fetched / 3)
    try unmountAll()
  }

  @Test func `mounts of different domains share nothing`() throws {
    try makeImage("one", last: 1000)
    try makeImage("two", last: 1000)
    let points = [try mount("one"), try mount("two", "--domain", "other")]
    var pages: [Int] = []
    for point in points {
      // What a lone image reads is kept from the second time on.
      for _ in 1...2 {
        _ = try readAll(point)
        try dropKernelCaches()
      }
      pages.append(try stage.status("memory", "pages"))
    }
    #expect(pages[0] > 0 && pages[1] == 2 * pages[0])
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

  @Test func `what was found out about files is remembered when the owner ends`() throws {
    try makeImage("one", last: 1000, fingerprints: false)
    try makeImage("two", last: 2000, fingerprints: false)
    let points = [try mount("one"), try mount("two")]
    let contents = try points.map(readAll)
    #expect(contents[0].dropLast() == contents[1].dropLast())
    // Files are hashed in the background.
    for _ in 0..<200 {
      if try stage.status("index", "fingerprints") == 2 * Self.fileCount { break }
      Thread.sleep(forTimeInterval: 0.1)
    }
    #expect(try stage.status("index", "fingerprints") == 2 * Self.fileCount)
    try unmountAll()

    _ = [try mount("one"), try mount("two")]
    #expect(try stage.status("index", "fingerprints") == 2 * Self.fileCount)
    let files = points.map { URL(filePath: "\($0)/file-3") }
    #expect(try Data(contentsOf: files[0]) == bytes(3))
    let misses = try stage.status("memory", "misses")
    #expect(try stage.status("memory", "sharedHits") == 0)
    #expect(try Data(contentsOf: files[1]) == bytes(3))
    #expect(try stage.status("memory", "misses") == misses)
    #expect(try stage.status("memory", "sharedHits") >= (Self.fileByteCount + 4095) / 4096)
    try unmountAll()

    // An image that was invalidated is to be looked at anew.
    try stage.succeed("cache", "invalidate", server.url("one.erofs"))
    #expect(try stage.status("index", "fingerprints") == Self.fileCount)
    try stage.succeed("cache", "verify")
  }

  private func mountReports() throws -> [[String: Any]] {
    let text = String(decoding: try stage.succeed("mounts", "--json").output, as: UTF8.self)
    return try text.split(separator: "\n").compactMap { line in
      try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
    }
  }

  private func domains() throws -> [[String: Any]] {
    let memory = try stage.status()["memory"] as? [String: Any]
    return try #require(memory?["domains"] as? [[String: Any]])
  }

  @Test func `limits of mounts and domains are kept and shown`() throws {
    try makeImage("one", last: 1000)
    try makeImage("two", last: 2000)
    let point = try mount(
      "one", "--domain", "team", "--memory-limit", "200K", "--domain-memory-limit", "1M")
    let otherPoint = try mount("two", "--domain", "team")
    _ = try readAll(point)
    let first = try #require(try mountReports().first)
    let charged = try #require(first["memoryBytes"] as? Int)
    #expect(charged > 100_000 && charged <= 200 << 10)
    #expect(first["memoryLimitBytes"] as? Int == 200 << 10)
    #expect(first["domain"] as? String == "team")
    #expect(first["domainMemoryBytes"] as? Int == charged)
    #expect(first["domainMemoryLimitBytes"] as? Int == 1 << 20)

    _ = try readAll(otherPoint)
    let both = try #require(try domains().first { $0["name"] as? String == "team" })
    #expect(both["images"] as? Int == 2)
    #expect(both["limitBytes"] as? Int == 1 << 20)
    let sum = try #require(both["chargedBytes"] as? Int)
    // What both have is charged to the first, which is at its limit; what only the second has is not.
    #expect(sum > charged && sum <= 1 << 20)
    #expect(try #require(both["savedBytes"] as? Int) >= 0)

    // The newest limit is that of all mounts, also of those that are there.
    try stage.succeed("unmount", stage.directory.file("two"))
    _ = try mount("two", "--domain", "team", "--domain-memory-limit", "64K")
    let rest = try #require(try domains().first { $0["name"] as? String == "team" })
    #expect(rest["limitBytes"] as? Int == 64 << 10)
    #expect(try #require(rest["chargedBytes"] as? Int) <= 64 << 10)
    let listing = String(decoding: try stage.succeed("mounts").output, as: UTF8.self)
    #expect(listing.contains("of 200 KiB in memory, domain team, private page cache)"))
    let status = String(decoding: try stage.succeed("cache", "status").output, as: UTF8.self)
    #expect(status.contains("domain     team: 2 images, "))
    try unmountAll()
  }

  @Test func `a domain of which nothing is left is forgotten`() throws {
    try makeImage("one", last: 1000)
    try makeImage("two", last: 2000)
    let names = { try domains().map { $0["name"] as? String } }
    _ = try readAll(try mount("one", "--domain", "a"))
    _ = try readAll(try mount("two", "--domain", "b"))
    #expect(try names() == ["a", "b"])
    try stage.succeed("unmount", stage.directory.file("one"))
    // Its pages go in the background.
    for _ in 0..<100 {
      if try names() == ["b"] { break }
      Thread.sleep(forTimeInterval: 0.1)
    }
    #expect(try names() == ["b"])
    try stage.succeed("unmount", stage.directory.file("two"))
  }
}
