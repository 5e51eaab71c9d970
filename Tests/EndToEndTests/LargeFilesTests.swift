import Foundation
import TestSupport
import Testing

/// Images of large files, which the kernel's own EROFS reads in place of the mount.
@Suite(
  .serialized,
  .enabled(
    if: Stage.canPassThrough && Stage.canMountFiles,
    "needs root, passthrough of FUSE and EROFS on files, Linux 6.12"))
struct LargeFilesTests {
  /// Not a multiple of a page, nor of anything else.
  private static let byteCount = 5_000_003
  private let stage: Stage
  private let tree: String
  private let image: String

  init() throws {
    stage = try Stage()
    tree = stage.directory.file("tree")
    image = stage.directory.file("image.erofs")
    try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: false)
    for number in 0..<3 { try content(number).write(to: URL(filePath: "\(tree)/large-\(number)")) }
    try Data("small\n".utf8).write(to: URL(filePath: "\(tree)/small"))
  }

  /// Half of it compresses.
  private func content(_ number: Int) -> Data {
    var generator = SeededGenerator(seed: UInt64(number))
    return Data(
      generator.bytes(count: Self.byteCount / 2)
        + (Self.byteCount / 2..<Self.byteCount).map { UInt8(truncatingIfNeeded: $0 >> 8) })
  }

  private func mount(_ options: String...) throws {
    try stage.succeed(["mount", image, stage.mountPoint] + options)
  }

  private func pack(_ options: String...) throws {
    try stage.succeed(["pack", "--quiet", "-o", image] + options + [tree])
  }

  private func path(_ name: String) -> String { "\(stage.mountPoint)/\(name)" }

  /// How many file-backed EROFS mounts the kernel has.
  private func erofsCount() throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/sys/class/bdi")
      .count { $0.hasPrefix("erofs-") }
  }

  private func pageCacheByteCount() throws -> Int {
    let text = try stage.succeed("mounts", "--json", "--pages").text
    let report = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    return try #require(report?["pageCacheBytes"] as? Int)
  }

  @Test(arguments: [[], ["--compress", "lz4", "--cluster-size", "64K"], ["--chunk-size", "4K"]])
  func `files are the same, whether read, mapped or read here and there`(
    options: [String]
  ) throws {
    try stage.succeed(["pack", "--quiet", "-o", image] + options + [tree])
    let before = try erofsCount()
    try mount()
    #expect(try erofsCount() == before + 1)
    for round in 0..<2 {
      for number in 0..<3 {
        let wanted = content(number)
        #expect(try Data(contentsOf: URL(filePath: path("large-\(number)"))) == wanted)
        let file = try #require(FileHandle(forReadingAtPath: path("large-\(number)")))
        for offset in stride(from: 1, to: Self.byteCount, by: 333_333) {
          try file.seek(toOffset: UInt64(offset))
          #expect(try file.read(upToCount: 10_000) == wanted[offset...].prefix(10_000))
        }
        #expect(
          try MappedFile(path("large-\(number)")).checksum
            == wanted.reduce(0) { $0 &+ UInt64($1) })
        try file.close()
      }
      #expect(try Data(contentsOf: URL(filePath: path("small"))) == Data("small\n".utf8))
      if round == 0 { try dropKernelCaches() }
    }
    try stage.succeed("unmount", stage.mountPoint)
    // The kernel takes its time to let go.
    try waitUntil("unmounted") { try erofsCount() == before }
  }

  @Test func `what the kernel keeps of large files is counted`() throws {
    try pack()
    try mount()
    let wholeByteCount = (Self.byteCount + 4095) / 4096 * 4096
    _ = try Data(contentsOf: URL(filePath: path("large-0")))
    #expect(try pageCacheByteCount() == wholeByteCount)
    _ = try Data(contentsOf: URL(filePath: path("small")))
    #expect(try pageCacheByteCount() == wholeByteCount + 4096)
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `a mount that wants no opens, or has small files, reads its files itself`() throws {
    let before = try erofsCount()
    try pack()
    try mount("--page-cache", "private")
    #expect(try erofsCount() == before)
    #expect(try Data(contentsOf: URL(filePath: path("large-1"))) == content(1))
    try stage.succeed("unmount", stage.mountPoint)
    for number in 0..<20 { try Data([1]).write(to: URL(filePath: "\(tree)/\(number)")) }
    try pack()
    try mount()
    #expect(try erofsCount() == before)
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `a mapped file keeps its mount busy, and stays right when that is detached`() throws {
    try pack()
    try mount()
    let sum = content(2).reduce(0 as UInt64) { $0 &+ UInt64($1) }
    let file = try MappedFile(path("large-2"))
    #expect(try stage.cullet("unmount", stage.mountPoint).status == 75)
    try stage.succeed("unmount", "--lazy", stage.mountPoint)
    try dropKernelCaches()
    #expect(file.checksum == sum)
  }

  @Test func `an overlay fits on top`() throws {
    try pack()
    try mount()
    for name in ["upper", "work", "merged"] {
      try FileManager.default.createDirectory(
        atPath: stage.directory.file(name), withIntermediateDirectories: false)
    }
    let merged = stage.directory.file("merged")
    let command = try Command([
      "mount", "-t", "overlay", "overlay", "-o",
      "lowerdir=\(stage.mountPoint),upperdir=\(stage.directory.file("upper")),"
        + "workdir=\(stage.directory.file("work"))", merged,
    ])
    try #require(command.status == 0, "\(command.errors)")
    #expect(try Data(contentsOf: URL(filePath: "\(merged)/large-0")) == content(0))
    #expect(try Command(["umount", merged]).status == 0)
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `damage is an error where it is, and nowhere else`() throws {
    try pack("--compress", "lz4", "--cluster-size", "64K")
    var bytes = try Data(contentsOf: URL(filePath: image))
    let text = try stage.succeed("stat", "--json", image, "large-1").text
    let stat = try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let extents = try #require(stat["extents"] as? [[String: Any]])
    let compressed = try #require(extents.last { $0["kind"] as? String == "LZ4" })
    let start = try #require(compressed["storedOffset"] as? Int)
    let count = try #require(compressed["storedLength"] as? Int)
    bytes.replaceSubrange(start..<start + count, with: Data(repeating: 0xFF, count: count))
    try bytes.write(to: URL(filePath: image))
    try mount()
    #expect(throws: (any Error).self) {
      try Data(contentsOf: URL(filePath: path("large-1")))
    }
    let damaged = try #require(FileHandle(forReadingAtPath: path("large-1")))
    #expect(try damaged.read(upToCount: 1 << 20) == content(1).prefix(1 << 20))
    try damaged.close()
    #expect(try Data(contentsOf: URL(filePath: path("large-2"))) == content(2))
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `a killed owner leaves a dead mount, which the next one replaces`() throws {
    try pack()
    let owner = try stage.start("mount", "--foreground", image, stage.mountPoint)
    try waitUntil("mounted") { FileManager.default.fileExists(atPath: path("large-0")) }
    #expect(try Data(contentsOf: URL(filePath: path("large-0"))) == content(0))
    owner.send(signal: SIGKILL)
    _ = owner.finish()
    #expect(throws: (any Error).self) { try Data(contentsOf: URL(filePath: path("large-1"))) }
    try mount()
    #expect(try Data(contentsOf: URL(filePath: path("large-1"))) == content(1))
    try stage.succeed("unmount", stage.mountPoint)
  }
}
