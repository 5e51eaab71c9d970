import Foundation
import TestSupport
import Testing

/// The path of mkfs.erofs, where there is one.
private let builder = ["/usr/bin/mkfs.erofs", "/usr/local/bin/mkfs.erofs"].first {
  FileManager.default.isExecutableFile(atPath: $0)
}

/// Random trees through mkfs.erofs with every kind of option, read here and by the kernel.
@Suite(
  .serialized, .enabled(if: Stage.isPossible, "needs root and /dev/fuse"),
  .enabled(if: builder != nil, "needs mkfs.erofs"),
  .enabled(if: KernelImages.canMount, "needs loop devices and a kernel with EROFS"))
struct DifferentialTests {
  /// Without big clusters and packed tails together: what mkfs.erofs 1.5 makes of that, the kernel
  /// cannot always read.
  static let matrix: [[String]] = [
    [], ["-Enoinline_data"], ["-Eforce-inode-extended"],
    ["-Eforce-inode-compact", "--all-root", "--ignore-mtime"],
    ["-x-1"], ["-x0"], ["-x1"], ["--all-root", "-T1234567890"], ["--ignore-mtime"],
    ["--force-uid=70001", "--force-gid=65536"], ["-Enosbcrc"],
    ["--chunksize=4096"], ["--chunksize=65536"], ["--chunksize=4096", "-Eforce-chunk-indexes"],
    ["--chunksize=1048576", "-Eforce-inode-blockmap"],
    ["-zlz4"], ["-zlz4", "-Elegacy-compress"], ["-zlz4", "-Eztailpacking"],
    ["-zlz4", "-C8192"], ["-zlz4", "-C65536", "-Elegacy-compress"], ["-zlz4", "-C1048576"],
    ["-zlz4", "--max-extent-bytes=8192"], ["-zlz4", "-C16384", "--max-extent-bytes=20000"],
    ["-zlz4hc"], ["-zlz4hc,12", "-C32768"], ["-zlz4hc", "-Elegacy-compress", "-x1"],
    ["-zlz4hc,4", "-C1048576", "-Eforce-inode-extended"],
    ["-zlz4hc", "-Enoinline_data", "--ignore-mtime"],
  ]

  private let stage: Stage

  init() throws { stage = try Stage() }

  @Test(arguments: matrix)
  func `a random tree is read as the kernel reads it`(options: [String]) throws {
    let tree = stage.directory.file("tree")
    let image = stage.directory.file("tree.erofs")
    try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: false)
    _ = try RandomTree(at: tree, SeededGenerator(for: "tree for mkfs.erofs \(options)"))
    let build = try Command([builder ?? "", "--quiet"] + options + [image, tree])
    try #require(build.status == 0, "\(build.errors)")
    let check = try stage.cullet("check", image)
    let kernel: TreeSnapshot
    do {
      kernel = try stage.kernelSnapshot(of: image)
    } catch let problem as TreeSnapshot.Problem where problem.number == EUCLEAN {
      // About one packed tail in twenty of mkfs.erofs 1.5 starts too early.
      #expect(check.status == 65, "what the kernel finds damaged: \(check.text.prefix(2000))")
      return
    }
    #expect(kernel.entries.count > 500)
    let manifest = try stage.succeed("manifest", "--digests", image)
    #expect(try ManifestFile(manifest.text).differences(from: kernel) == [])
    #expect(check.status == 0, "\(check.text.prefix(2000))")
  }
}
