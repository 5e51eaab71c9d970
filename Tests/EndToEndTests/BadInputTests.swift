import Foundation
import TestSupport
import Testing

/// What goes wrong for users: one clear line, the documented exit code, nothing lost.
@Suite(.serialized, .enabled(if: Stage.isPossible, "needs root and /dev/fuse"))
struct BadInputTests {
  private let stage: Stage
  private let server: NginxServer

  init() async throws {
    stage = try Stage()
    try FileManager.default.createDirectory(
      atPath: stage.directory.file("www"), withIntermediateDirectories: false)
    server = try await NginxServer(
      root: stage.directory.file("www"),
      extra: """
        location /forbidden { return 403; }
        location /whole { alias \(stage.directory.file("www")); max_ranges 0; }
        """)
    try SmallTree.makeImage(stage.directory.file("www/image.erofs"), marker: "first")
  }

  /// Runs the command and checks that it fails with `status` and one line that has `words`.
  private func expectFailure(
    _ status: Int32, _ words: String..., running arguments: [String],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let command = try Command(
      [Stage.binary] + arguments, environment: ["CULLET_CACHE": stage.cache])
    #expect(command.status == status, "\(command.errors)", sourceLocation: sourceLocation)
    let lines = command.errors.split(separator: "\n")
    #expect(lines.count == 1, "\(command.errors)", sourceLocation: sourceLocation)
    #expect(command.errors.hasPrefix("cullet: error: "), sourceLocation: sourceLocation)
    for word in words {
      #expect(command.errors.contains(word), "\(command.errors)", sourceLocation: sourceLocation)
    }
  }

  @Test func `a truncated image is corrupt data`() throws {
    let whole = try Data(contentsOf: URL(filePath: stage.directory.file("www/image.erofs")))
    try stage.directory.write([UInt8](whole.prefix(3000)), to: "www/short.erofs")
    try expectFailure(65, "short.erofs", running: ["ls", "-R", server.url("short.erofs")])
    try stage.directory.write([UInt8](whole.prefix(500)), to: "www/tiny.erofs")
    try expectFailure(65, "tiny.erofs", running: ["ls", server.url("tiny.erofs")])
  }

  @Test func `a file that is no image is corrupt data, here and at an origin`() throws {
    try stage.directory.write(Array(repeating: 0x41, count: 100_000), to: "www/text.erofs")
    try expectFailure(
      65, "not an EROFS image", running: ["ls", stage.directory.file("www/text.erofs")])
    try expectFailure(
      65, "not an EROFS image", running: ["mount", server.url("text.erofs"), stage.mountPoint])
  }

  @Test func `an origin that has no ranges is refused, not downloaded`() throws {
    try expectFailure(65, "range", running: ["ls", server.url("whole/image.erofs")])
  }

  @Test func `what is not there is no input, and what is forbidden is permission denied`() throws {
    try expectFailure(66, "absent.erofs", running: ["ls", server.url("absent.erofs")])
    try expectFailure(77, "forbidden", running: ["ls", server.url("forbidden/image.erofs")])
    try expectFailure(66, "absent", running: ["ls", stage.directory.file("absent")])
  }

  @Test func `an origin that is away is unavailable`() throws {
    server.stop()
    try expectFailure(69, "127.0.0.1", running: ["ls", server.url("image.erofs")])
  }

  @Test func `a mount point that is missing or busy is named`() throws {
    let source = server.url("image.erofs")
    try expectFailure(66, "nowhere", running: ["mount", source, stage.directory.file("nowhere")])
    try stage.succeed("mount", source, stage.mountPoint)
    try expectFailure(75, stage.mountPoint, running: ["mount", source, stage.mountPoint])
    try stage.succeed("unmount", stage.mountPoint)
    try expectFailure(66, stage.mountPoint, running: ["unmount", stage.mountPoint])
  }

  @Test func `a cache directory that cannot be made is named`() throws {
    let file = try stage.directory.write([], to: "file")
    try expectFailure(
      73, "file", running: ["ls", "--cache", "\(file)/cache", server.url("image.erofs")])
  }

  @Test func `a second owner is told who the first is`() throws {
    try stage.succeed("mount", server.url("image.erofs"), stage.mountPoint)
    try expectFailure(75, "cullet", running: ["cache", "init", "--cache", stage.cache])
    // Everything else goes through the owner.
    try stage.succeed("ls", server.url("image.erofs"))
    #expect(try stage.status("owner", "pid") > 0)
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `a place that cannot hold a cache's data is refused with a reason`() throws {
    let text = try stage.directory.write(Array("not a cache".utf8), to: "text")
    let initialise = ["cache", "init", "--size", "4M", "--data"]
    try expectFailure(65, text, "no cache", running: initialise + [text])
    try expectFailure(73, "/dev/null", "no regular file", running: initialise + ["/dev/null"])
    try expectFailure(73, "missing/x", running: initialise + [stage.directory.file("missing/x")])
    #expect(!FileManager.default.fileExists(atPath: stage.cache))
    let data = stage.directory.file("data")
    try stage.succeed("cache", "init", "--size", "4M", "--data", data)
    try FileManager.default.removeItem(atPath: data)
    try expectFailure(66, data, "attach it", running: ["cache", "status"])
  }

  @Test func `a cache that its disk has no room for is refused when it is to be reserved`() throws {
    let disk = stage.directory.file("disk")
    try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: false)
    #expect(try Command(["mount", "-t", "tmpfs", "-o", "size=24m", "none", disk]).status == 0)
    try expectFailure(
      74, "bytes are to be reserved",
      running: [
        "cache", "init", "--cache", "\(disk)/cache", "--size", "64M", "--preallocate", "allocate",
      ])
    _ = try Command(["umount", disk])
  }

  @Test func `a full disk costs the caching, not the reading`() throws {
    try FileManager.default.createDirectory(
      atPath: stage.cache, withIntermediateDirectories: false)
    #expect(
      try Command(["mount", "-t", "tmpfs", "-o", "size=6m", "none", stage.cache]).status == 0)
    try stage.succeed("cache", "init", "--size", "4M")
    let filler = "\(stage.cache)/filler"
    _ = try Command(["dd", "if=/dev/zero", "of=\(filler)", "bs=64k"])
    let target = stage.directory.file("out")
    try stage.succeed("extract", server.url("image.erofs"), target)
    #expect(try SmallTree.marker(in: target) == "first")
    _ = try Command(["umount", stage.cache])
  }

  @Test func `an image that changes under a mount gives errors, never a mix of versions`() throws {
    let source = server.url("image.erofs")
    try stage.succeed("mount", source, stage.mountPoint)
    #expect(try SmallTree.marker(in: stage.mountPoint) == "first")
    let image = stage.directory.file("www/image.erofs")
    try SmallTree.makeImage(image, marker: "second")
    // The server's tag is the second of the last change and the length, and the lengths are equal.
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: 60)], ofItemAtPath: image)
    try dropKernelCaches()
    // Everything that can be read is of the first version; the rest fails with EIO.
    for index in 0..<SmallTree.fileCount {
      guard let text = try? SmallTree.content(of: index, in: stage.mountPoint) else { continue }
      #expect(difference(text, SmallTree.expectedContent(of: index, marker: "first")) == nil)
    }
    try stage.succeed("unmount", stage.mountPoint)
    try stage.succeed("mount", source, stage.mountPoint)
    for index in 0..<SmallTree.fileCount {
      let text = try SmallTree.content(of: index, in: stage.mountPoint)
      #expect(difference(text, SmallTree.expectedContent(of: index, marker: "second")) == nil)
    }
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `output that cannot be written is an I-O error`() throws {
    let image = stage.directory.file("www/image.erofs")
    let command = try Command(["sh", "-c", "'\(Stage.binary)' ls '\(image)' >/dev/full"])
    #expect(command.status == 74)
    #expect(command.errors.hasPrefix("cullet: error: standard output: No space left"))
  }

  @Test func `a name cannot steer the terminal it is shown on`() throws {
    let tree = try TemporaryDirectory()
    try tree.write([], to: "red\u{1B}[31m")
    let image = stage.directory.file("hostile.erofs")
    #expect(try Command(["mkfs.erofs", "--quiet", image, tree.path]).status == 0)
    for option in ["-R", "-l"] {
      let line = "'\(Stage.binary)' ls \(option) '\(image)'"
      let shown = try Command(["script", "-qec", line, "/dev/null"]).text
      #expect(shown.contains("red?[31m"))
      #expect(!shown.contains("\u{1B}"))
    }
    #expect(try stage.succeed("ls", image).text.contains("red\u{1B}[31m"))
  }

  @Test func `arguments that make no sense are usage errors`() throws {
    try expectFailure(64, running: ["frobnicate"])
    try expectFailure(64, running: ["ls"])
    try expectFailure(64, running: ["cache", "cull", "--target", "200"])
    try expectFailure(64, "oci", running: ["ls", "oci://host/image"])
    try expectFailure(78, running: ["cache", "limits", "--brun", "1", "--bcull", "50"])
    try expectFailure(78, running: ["cache", "init", "--block-size", "12345"])
  }
}

/// A small image with a marker in every file, spread over enough blocks that not all are read.
enum SmallTree {
  static let fileCount = 24

  static func makeImage(_ image: String, marker: String) throws {
    let tree = try TemporaryDirectory()
    for index in 0..<fileCount {
      try tree.write(expectedContent(of: index, marker: marker), to: "file-\(index)")
    }
    try tree.write(Array(marker.utf8), to: "marker")
    let made = "\(image).new"
    let command = try Command(["mkfs.erofs", "--quiet", made, tree.path])
    guard command.status == 0 else { throw StageError("mkfs.erofs: \(command.errors)") }
    guard rename(made, image) == 0 else { throw StageError("cannot rename \(made)") }
  }

  static func marker(in directory: String) throws -> String {
    try String(contentsOfFile: "\(directory)/marker", encoding: .utf8)
  }

  static func content(of index: Int, in directory: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: "\(directory)/file-\(index)")))
  }

  /// 300 KiB in which every word names the marker and the file.
  static func expectedContent(of index: Int, marker: String) -> [UInt8] {
    let word = Array("\(marker) \(index)\n".utf8)
    return Array((0..<(300 << 10) / word.count).map { _ in word }.joined())
  }
}
