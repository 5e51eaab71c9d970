import Foundation
import TestSupport
import Testing

/// Mounts that the kernel's own EROFS reads, from blobs that the cache serves.
@Suite(
  .serialized, .enabled(if: Stage.canMountFiles, "needs root, /dev/fuse and Linux 6.12 with EROFS"))
struct KernelDriverTests {
  private let stage: Stage
  private let server: NginxServer

  init() async throws {
    stage = try Stage()
    let root = stage.directory.file("www")
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: false)
    server = try await NginxServer(
      root: root, extra: "location /slow/ { alias \(root)/; limit_rate 600k; }")
  }

  private var source: String { server.url("image.erofs") }
  private var image: String { stage.directory.file("www/image.erofs") }

  private func mount(_ arguments: String...) throws {
    try stage.succeed(["mount", "--driver", "kernel"] + arguments)
  }

  /// Starts an owner in the foreground and waits until its mount is there.
  private func startOwner() throws -> RunningCommand {
    let owner = try stage.start(
      "mount", "--foreground", "--driver", "kernel", source, stage.mountPoint)
    try waitUntil("mounted") { try reports() == ["kernel live"] }
    return owner
  }

  /// Driver and state of every mount on the stage's mount point.
  private func reports() throws -> [String] {
    struct Report: Decodable {
      let directory: String
      let driver: String
      let state: String
    }
    return try stage.succeed("mounts", "--json").text.split(separator: "\n")
      .map { try JSONDecoder().decode(Report.self, from: Data($0.utf8)) }
      .filter { $0.directory == stage.mountPoint }.map { "\($0.driver) \($0.state)" }
  }

  /// The lines of the kernel's table that are about the stage's mount point or its source.
  private func table() throws -> [String] {
    try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8).split(separator: "\n")
      .map(String.init).filter { $0.contains(stage.directory.path) || $0.contains(source) }
  }

  @Test(arguments: [[], ["-zlz4"], ["-zlz4hc,9", "-C65536"], ["--chunksize=4096"]])
  func `a mount over HTTP shows what the kernel shows of the image`(options: [String]) throws {
    try RealTree.makeImage(image, options: options)
    let kernel = try stage.kernelSnapshot(of: image)
    try mount(source, stage.mountPoint)
    #expect(try TreeSnapshot(of: stage.mountPoint).differences(from: kernel) == [])
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test(.enabled(if: SharedData.hasFixtures, "needs the reference images"))
  func `every reference image shows all of it, local and over HTTP`() throws {
    for name in SharedData.imageNames {
      var isRemote = false
      repeat {
        isRemote.toggle()
        let files = SharedData.deviceFiles(of: name) + ["\(name).erofs"]
        let sources = try files.map { file in
          guard isRemote else { return try SharedData.path(of: file) }
          let copy = stage.directory.file("www/\(file)")
          if !FileManager.default.fileExists(atPath: copy) {
            try FileManager.default.copyItem(atPath: SharedData.path(of: file), toPath: copy)
          }
          return server.url(file)
        }
        try stage.succeed(
          ["mount", "--driver", "kernel"] + sources.dropLast().flatMap { ["--device", $0] }
            + [sources.last ?? "", stage.mountPoint])
        let mounted = try TreeSnapshot(of: stage.mountPoint)
        #expect(
          mounted.differences(from: try SharedData.snapshot(of: name)) == [],
          "\(name), remote: \(isRemote)")
        try stage.succeed("unmount", stage.mountPoint)
      } while isRemote
    }
  }

  @Test func `an image here may have its device far away, and the other way round`() throws {
    let tree = try TemporaryDirectory()
    let content = SmallTree.expectedContent(of: 1, marker: "far")
    try tree.write(content, to: "file")
    let device = stage.directory.file("www/device")
    let made = try Command([
      "mkfs.erofs", "--quiet", "--chunksize=4096", "--blobdev=\(device)", image, tree.path,
    ])
    try #require(made.status == 0, "\(made.errors)")
    for (image, device) in [(image, server.url("device")), (source, device)] {
      try mount("--device", device, image, stage.mountPoint)
      let bytes = try Data(contentsOf: URL(filePath: "\(stage.mountPoint)/file"))
      #expect(difference([UInt8](bytes), content) == nil)
      try stage.succeed("unmount", stage.mountPoint)
    }
  }

  @Test func `a mount is listed once, and leaves nothing when it is unmounted`() throws {
    try SmallTree.makeImage(image, marker: "one")
    try mount(source, stage.mountPoint)
    #expect(try reports() == ["kernel live"])
    #expect(try table().count == 1)
    #expect(try table().allSatisfy { $0.contains(" - erofs \(source) ") })
    let refused = try stage.cullet("mount", source, stage.mountPoint)
    Stage.expectFailure(75, ["mounted there already"], of: refused)
    try stage.succeed("unmount", stage.mountPoint)
    #expect(try reports() == [])
    #expect(try table() == [])
  }

  @Test func `one image may be mounted twice, with either driver`() throws {
    try SmallTree.makeImage(image, marker: "one")
    let points = (1...3).map { stage.directory.file("mnt\($0)") }
    for (point, driver) in zip(points, ["kernel", "fuse", "kernel"]) {
      try FileManager.default.createDirectory(atPath: point, withIntermediateDirectories: false)
      try stage.succeed("mount", "--driver", driver, source, point)
    }
    for point in points {
      #expect(try SmallTree.marker(in: point) == "one")
      try stage.succeed("unmount", point)
    }
    #expect(try table() == [])
  }

  @Test func `a local file is read by the kernel alone`() throws {
    try SmallTree.makeImage(image, marker: "one")
    let owner = try stage.start(
      "mount", "--foreground", "--driver", "kernel", image, stage.mountPoint)
    try waitUntil("mounted") { try reports() == ["kernel live"] }
    owner.send(signal: SIGKILL)
    _ = owner.finish()
    try dropKernelCaches()
    let bytes = try SmallTree.content(of: 3, in: stage.mountPoint)
    #expect(difference(bytes, SmallTree.expectedContent(of: 3, marker: "one")) == nil)
    #expect(try reports() == ["kernel live"])
    try stage.succeed("unmount", stage.mountPoint)
    #expect(try table() == [])
  }

  @Test func `what umount takes away ends its owner`() throws {
    try SmallTree.makeImage(image, marker: "one")
    for source in [image, source] {
      let owner = try stage.start(
        "mount", "--foreground", "--driver", "kernel", source, stage.mountPoint)
      try waitUntil("mounted") { try reports() == ["kernel live"] }
      #expect(try Command(["umount", stage.mountPoint]).status == 0)
      #expect(owner.finish().status == 0)
    }
  }

  @Test func `a mount in use is refused, and ends with its last file when unmounted lazily`() throws
  {
    try SmallTree.makeImage(image, marker: "one")
    let owner = try startOwner()
    let file = try #require(FileHandle(forReadingAtPath: "\(stage.mountPoint)/file-7"))
    let refused = try stage.cullet("unmount", stage.mountPoint)
    Stage.expectFailure(75, ["in use"], of: refused)
    try stage.succeed("unmount", "--lazy", stage.mountPoint)
    #expect(try reports() == ["kernel detached"])
    #expect(try table() == [])
    let expected = SmallTree.expectedContent(of: 7, marker: "one")
    #expect(difference([UInt8](try file.readToEnd() ?? Data()), expected) == nil)
    #expect(owner.isRunning)
    try file.close()
    #expect(owner.finish().status == 0)
  }

  @Test func `a terminated owner unmounts, also what is in use`() throws {
    try SmallTree.makeImage(image, marker: "one")
    for isUsed in [false, true] {
      let owner = try startOwner()
      let file = isUsed ? FileHandle(forReadingAtPath: "\(stage.mountPoint)/marker") : nil
      owner.send(signal: SIGTERM)
      #expect(owner.finish().status == 0)
      #expect(try table() == [])
      try file?.close()
    }
  }

  @Test func `a killed owner leaves what is cached, and errors, but never wrong bytes`() throws {
    try SmallTree.makeImage(image, marker: "one")
    let owner = try startOwner()
    let expected = SmallTree.expectedContent(of: 3, marker: "one")
    #expect(difference(try SmallTree.content(of: 3, in: stage.mountPoint), expected) == nil)
    owner.send(signal: SIGKILL)
    _ = owner.finish()
    #expect(try reports() == ["kernel dead"])
    #expect(difference(try SmallTree.content(of: 3, in: stage.mountPoint), expected) == nil)
    #expect(throws: (any Error).self) { try SmallTree.content(of: 20, in: stage.mountPoint) }

    // The next mount takes its place, whatever the driver; or it is just unmounted.
    try mount(source, stage.mountPoint)
    #expect(try reports() == ["kernel live"])
    #expect(
      difference(
        try SmallTree.content(of: 20, in: stage.mountPoint),
        SmallTree.expectedContent(of: 20, marker: "one")) == nil)
    try stage.succeed("unmount", stage.mountPoint)
    #expect(try table() == [])
  }

  @Test func `a dead mount can be unmounted`() throws {
    try SmallTree.makeImage(image, marker: "one")
    let owner = try startOwner()
    owner.send(signal: SIGKILL)
    _ = owner.finish()
    try stage.succeed("unmount", stage.mountPoint)
    #expect(try reports() == [])
    #expect(try table() == [])
  }

  @Test func `while the origin is away, what was read is served and the rest fails`() throws {
    try SmallTree.makeImage(image, marker: "one")
    try mount(source, stage.mountPoint)
    let expected = SmallTree.expectedContent(of: 3, marker: "one")
    #expect(difference(try SmallTree.content(of: 3, in: stage.mountPoint), expected) == nil)
    try stage.succeed("unmount", stage.mountPoint)
    server.stop()
    try dropKernelCaches()
    try mount(source, stage.mountPoint)
    #expect(difference(try SmallTree.content(of: 3, in: stage.mountPoint), expected) == nil)
    let failure = try Command(["cat", "\(stage.mountPoint)/file-20"])
    #expect(failure.status != 0)
    #expect(failure.errors.contains("Input/output error"), "\(failure.errors)")
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `a mount goes away under readers that wait for a slow origin`() throws {
    try SmallTree.makeImage(image, marker: "one")
    try mount(server.url("slow/image.erofs"), stage.mountPoint)
    let readers = try (10...13).map {
      try RunningCommand(["cat", "\(stage.mountPoint)/file-\($0)"])
    }
    Thread.sleep(forTimeInterval: 0.2)
    #expect(try stage.cullet("unmount", stage.mountPoint).status == 75)
    try stage.succeed("unmount", "--lazy", stage.mountPoint)
    for (number, reader) in zip(10..., readers) {
      let (status, output, errors) = reader.finish()
      #expect(status == 0, "\(errors)")
      let expected = SmallTree.expectedContent(of: number, marker: "one")
      #expect(difference([UInt8](output), expected) == nil)
    }
    try waitUntil("ended") { try reports() == [] }
  }

  @Test func `an image that the kernel does not read is refused in one line`() throws {
    let tree = try TemporaryDirectory()
    try tree.write([1, 2, 3], to: "file")
    try stage.succeed("pack", "--block-size", "16K", image, tree.path)
    for source in [image, source] {
      try stage.expectFailure(
        65, ["--driver fuse"],
        running: ["mount", "--driver", "kernel", source, stage.mountPoint])
    }
    #expect(try table() == [])
    try stage.succeed("mount", source, stage.mountPoint)
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `what is no image is refused in one line`() throws {
    try Data(repeating: 7, count: 100_000).write(to: URL(filePath: image))
    try stage.expectFailure(
      65, ["image.erofs"], running: ["mount", "--driver", "kernel", source, stage.mountPoint])
    #expect(try table() == [])
  }

  @Test func `without root the driver is refused`() throws {
    let command = try Command([
      "setpriv", "--reuid=65534", "--clear-groups", Stage.binary, "mount", "--driver", "kernel",
      source, "/mnt",
    ])
    Stage.expectFailure(77, ["root"], of: command)
  }
}
