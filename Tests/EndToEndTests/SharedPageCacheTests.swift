import Foundation
import TestSupport
import Testing

/// Two versions of an image, mounted together: the kernel has what they have in common once.
@Suite(
  .serialized,
  .enabled(if: Stage.canPassThrough, "needs root and passthrough of FUSE, Linux 6.9"))
struct SharedPageCacheTests {
  private static let fileByteCount = 700_000
  private let stage: Stage

  init() throws {
    stage = try Stage()
    for name in ["one", "two"] {
      try FileManager.default.createDirectory(
        atPath: stage.directory.file(name), withIntermediateDirectories: false)
    }
  }

  private func bytes(_ seed: UInt64) -> Data {
    var generator = SeededGenerator(seed: seed)
    return Data(generator.bytes(count: Self.fileByteCount))
  }

  /// Makes and mounts the image `name` of one file that is alike in all and one of its own.
  private func mount(_ name: String, own: UInt64, _ options: String...) throws -> String {
    let tree = stage.directory.file("tree-\(name)")
    try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: false)
    try bytes(1).write(to: URL(filePath: "\(tree)/common"))
    try bytes(own).write(to: URL(filePath: "\(tree)/own"))
    let image = stage.directory.file("\(name).erofs")
    try stage.succeed("pack", "--quiet", "--fingerprints", "-o", image, tree)
    let point = stage.directory.file(name)
    try stage.succeed(["mount", image, point] + options)
    return point
  }

  private func report(of point: String) throws -> [String: Any]? {
    let text = try stage.succeed("mounts", "--json", "--pages").text
    let reports = try text.split(separator: "\n").compactMap { line in
      try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
    }
    return reports.first { $0["directory"] as? String == point }
  }

  private func pageCache(of point: String) throws -> String? {
    try report(of: point)?["pageCache"] as? String
  }

  /// What the kernel keeps for the mount on `point`, in files of the size that all have here.
  private func cachedFileCount(of point: String) throws -> Double {
    let byteCount = try #require(try report(of: point)?["pageCacheBytes"] as? Int)
    let roundedByteCount = (Self.fileByteCount + 4095) / 4096 * 4096
    return Double(byteCount) / Double(roundedByteCount)
  }

  private func unmountAll() throws {
    for name in ["one", "two"] { try stage.succeed("unmount", stage.directory.file(name)) }
  }

  @Test func `a file mapped from two mounts is in memory once`() throws {
    let points = [try mount("one", own: 10), try mount("two", own: 20)]
    for point in points { #expect(try pageCache(of: point) == "shared") }
    // Read and mapped by one before the other wants it: verified then, and from then on the same.
    #expect(try Data(contentsOf: URL(filePath: "\(points[0])/common")) == bytes(1))
    var mapped: [MappedFile] = []
    for point in points {
      mapped.append(try MappedFile("\(point)/common"))
      #expect(mapped.last?.checksum == bytes(1).reduce(0) { $0 &+ UInt64($1) })
    }
    // The first lost its pages when the file came to be shared, and finds the shared ones.
    for file in mapped { #expect(file.checksum == bytes(1).reduce(0) { $0 &+ UInt64($1) }) }
    let smaps = try points.map { try MappedFile.residence(of: "\($0)/common") }
    for (rss, pss) in smaps {
      #expect(rss >= Self.fileByteCount / 1024)
      #expect(pss <= rss / 2 + 8)
    }
    // Half of what both have.
    for point in points { #expect(try cachedFileCount(of: point) == 0.5) }
    // A mapping keeps its mount busy.
    mapped = []
    for (index, own) in [10, 20].enumerated() {
      let content = try Data(contentsOf: URL(filePath: "\(points[index])/own"))
      #expect(content == bytes(UInt64(own)))
    }
    try unmountAll()
  }

  @Test func `a mount with a private page cache shares nothing with the kernel`() throws {
    let points = [
      try mount("one", own: 10, "--page-cache", "private"),
      try mount("two", own: 20, "--page-cache", "private"),
    ]
    for point in points { #expect(try pageCache(of: point) == "private") }
    let mapped = try points.map { try MappedFile("\($0)/common") }
    for file in mapped { #expect(file.checksum == bytes(1).reduce(0) { $0 &+ UInt64($1) }) }
    for point in points {
      let (rss, pss) = try MappedFile.residence(of: "\(point)/common")
      #expect(rss >= Self.fileByteCount / 1024 && pss == rss)
      #expect(try cachedFileCount(of: point) == 1)
    }
    withExtendedLifetime(mapped) {}
    try unmountAll()
  }

  @Test func `an overlay fits on top of a mount that shares`() throws {
    let point = try mount("one", own: 10)
    let overlay = stage.directory.file("two")
    let work = stage.directory.file("work")
    for name in ["upper", "work"] {
      try FileManager.default.createDirectory(
        atPath: "\(work)/\(name)", withIntermediateDirectories: true)
    }
    let command = try Command([
      "mount", "-t", "overlay", "overlay", "-o",
      "lowerdir=\(point),upperdir=\(work)/upper,workdir=\(work)/work", overlay,
    ])
    try #require(command.status == 0, "\(command.errors)")
    #expect(try Data(contentsOf: URL(filePath: "\(overlay)/common")) == bytes(1))
    #expect(try Command(["umount", overlay]).status == 0)
    try stage.succeed("unmount", point)
  }

  @Test func `a shared file outlives the mount that was read first`() throws {
    let points = [try mount("one", own: 10), try mount("two", own: 20)]
    #expect(try Data(contentsOf: URL(filePath: "\(points[0])/common")) == bytes(1))
    let file = try #require(FileHandle(forReadingAtPath: "\(points[1])/common"))
    #expect(try file.read(upToCount: 5000) == bytes(1).prefix(5000))
    try stage.succeed("unmount", points[0])
    try dropKernelCaches()
    #expect(try file.readToEnd() == bytes(1).dropFirst(5000))
    try file.close()
    #expect(try Data(contentsOf: URL(filePath: "\(points[1])/common")) == bytes(1))
    try stage.succeed("unmount", points[1])
  }

  @Test func `what the kernel dropped comes back right, and is kept from then on`() throws {
    let points = [try mount("one", own: 10), try mount("two", own: 20)]
    for _ in 1...3 {
      for point in points {
        #expect(try Data(contentsOf: URL(filePath: "\(point)/common")) == bytes(1))
      }
      try dropKernelCaches()
    }
    #expect(try stage.status("memory", "pages") > 0)
    try unmountAll()
  }

  @Test func `a forged copy of a file is seen through its own image only`() throws {
    let genuine = try mount("two", own: 20)
    let tree = stage.directory.file("tree-one")
    try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: false)
    try bytes(1).write(to: URL(filePath: "\(tree)/common"))
    let image = stage.directory.file("one.erofs")
    try stage.succeed("pack", "--quiet", "--fingerprints", "-o", image, tree)
    var forged = try Data(contentsOf: URL(filePath: image))
    let place = try #require(forged.range(of: bytes(1).prefix(4096)))
    forged.replaceSubrange(place, with: Data(repeating: 0x45, count: 4096))
    try forged.write(to: URL(filePath: image))
    let point = stage.directory.file("one")
    try stage.succeed("mount", image, point)
    let lie = try Data(contentsOf: URL(filePath: "\(point)/common"))
    #expect(lie.prefix(4096) == Data(repeating: 0x45, count: 4096))
    #expect(try Data(contentsOf: URL(filePath: "\(genuine)/common")) == bytes(1))
    #expect(try Data(contentsOf: URL(filePath: "\(genuine)/common")) == bytes(1))
    try unmountAll()
  }
}
