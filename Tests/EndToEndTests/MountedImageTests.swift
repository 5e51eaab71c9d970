import Foundation
import TestSupport
import Testing

/// The whole way: nginx, the cache, the reader and a real mount, against the kernel's own EROFS.
@Suite(.serialized, .enabled(if: Stage.isPossible, "needs root and /dev/fuse"))
struct MountedImageTests {
  private let stage: Stage
  private let image: String
  private let server: NginxServer

  init() async throws {
    stage = try Stage()
    image = stage.directory.file("www/tree.erofs")
    try FileManager.default.createDirectory(
      atPath: stage.directory.file("www"), withIntermediateDirectories: false)
    server = try await NginxServer(root: stage.directory.file("www"))
  }

  private var source: String { server.url("tree.erofs") }

  @Test(arguments: [[], ["-zlz4"], ["-zlz4hc,9", "-C65536"], ["--chunksize=4096"]])
  func `a mount over HTTP shows what the kernel shows of the image`(options: [String]) throws {
    try RealTree.makeImage(image, options: options)
    let kernel = try stage.kernelSnapshot(of: image)
    #expect(kernel.entries.count > 3000)

    try stage.succeed("mount", source, stage.mountPoint)
    let ours = try TreeSnapshot(of: stage.mountPoint)
    #expect(ours.differences(from: kernel) == [])
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `manifest and extract agree with the kernel`() throws {
    try RealTree.makeImage(image, options: ["-zlz4hc", "-C65536"])
    let kernel = try stage.kernelSnapshot(of: image)

    let manifest = try stage.succeed("manifest", "--digests", source)
    #expect(try ManifestFile(manifest.text).differences(from: kernel) == [])

    let target = stage.directory.file("extracted")
    try stage.succeed("extract", source, target)
    #expect(try TreeSnapshot(of: target).differences(from: kernel) == [])
  }

  @Test func `what was read once is served by a new process while the origin is away`() throws {
    try RealTree.makeImage(image, options: ["-zlz4"])
    try stage.succeed("mount", source, stage.mountPoint)
    let first = try TreeSnapshot(of: stage.mountPoint)
    try stage.succeed("unmount", stage.mountPoint)

    server.stop()
    try stage.succeed("mount", source, stage.mountPoint)
    let second = try TreeSnapshot(of: stage.mountPoint)
    #expect(second.differences(from: first) == [])
    #expect(try stage.status("origin", "requests") == 0)
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `a cache smaller than the image culls, and every read stays right`() throws {
    try RealTree.makeImage(image, options: [])
    let kernel = try stage.kernelSnapshot(of: image)
    try stage.succeed("cache", "init", "--size", "8M")
    try stage.succeed("mount", source, stage.mountPoint)
    for _ in 1...2 {
      #expect(try TreeSnapshot(of: stage.mountPoint).differences(from: kernel) == [])
      try dropKernelCaches()
    }
    #expect(try stage.status("disk", "culledBlocks") > 0)
    #expect(try stage.status("usedBytes") <= stage.status("capacityBytes"))
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `culling half of the cache under a live mount loses nothing`() throws {
    try RealTree.makeImage(image, options: [])
    try stage.succeed("cache", "init", "--size", "256M")
    try stage.succeed("mount", source, stage.mountPoint)
    let before = try TreeSnapshot(of: stage.mountPoint)
    let used = try stage.status("blocks", "used")
    try stage.succeed("cache", "cull", "--bytes", "40M")
    #expect(try stage.status("blocks", "used") < used)
    try dropKernelCaches()
    #expect(try TreeSnapshot(of: stage.mountPoint).differences(from: before) == [])
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `killing the owner under load loses nothing and leaves nothing behind`() throws {
    try RealTree.makeImage(image, options: ["-zlz4"])
    let kernel = try stage.kernelSnapshot(of: image)
    for round in 1...3 {
      let owner = try stage.start("mount", "--foreground", source, stage.mountPoint)
      try waitUntil("mounted") { try stage.cullet("mounts").text.contains(stage.mountPoint) }
      let load = try RunningCommand(
        ["bash", "-c", "find \(stage.mountPoint) -type f | shuf | xargs cat > /dev/null"])
      Thread.sleep(forTimeInterval: 0.3 * Double(round))
      owner.send(signal: SIGKILL)
      _ = owner.finish()
      _ = load.finish()
      try stage.succeed("unmount", stage.mountPoint)
      #expect(try stage.succeed("cache", "verify").text.contains(" 0 checksum failures"))
    }
    try stage.succeed("mount", source, stage.mountPoint)
    #expect(try TreeSnapshot(of: stage.mountPoint).differences(from: kernel) == [])
    try stage.succeed("unmount", stage.mountPoint)
    #expect(try !stage.cullet("mounts").text.contains(stage.mountPoint))
  }
}

/// Makes the next reads of any mount come from its server again.
func dropKernelCaches() throws {
  try Data("3".utf8).write(to: URL(filePath: "/proc/sys/vm/drop_caches"))
}

/// Polls until `condition` holds, for a minute at most, which is far longer than it takes.
func waitUntil(_ what: String, _ condition: () throws -> Bool) throws {
  for _ in 1...3000 {
    if try condition() { return }
    Thread.sleep(forTimeInterval: 0.02)
  }
  throw StageError("not \(what) after a minute")
}
