import Foundation
import TestSupport
import Testing

/// One process owns a cache; everybody else goes through it, and nobody notices.
@Suite(.serialized, .enabled(if: Stage.isPossible, "needs root and /dev/fuse"))
struct OwnerTests {
  private let stage: Stage
  private let server: NginxServer

  init() async throws {
    stage = try Stage()
    try FileManager.default.createDirectory(
      atPath: stage.directory.file("www"), withIntermediateDirectories: false)
    server = try await NginxServer(
      root: stage.directory.file("www"),
      extra: "location /slow/ { alias \(stage.directory.file("www"))/; limit_rate 600k; }")
    try SmallTree.makeImage(stage.directory.file("www/image.erofs"), marker: "one")
  }

  private var source: String { server.url("image.erofs") }

  @Test func `mounts that start at the same moment share one owner`() throws {
    let points = (1...5).map { stage.directory.file("mnt\($0)") }
    for point in points {
      try FileManager.default.createDirectory(atPath: point, withIntermediateDirectories: false)
    }
    let commands = try points.map { try stage.start("mount", source, $0) }
    for command in commands {
      let (status, _, errors) = command.finish()
      #expect(status == 0, "\(errors)")
    }
    let lines = try stage.succeed("mounts", "--json").text.split(separator: "\n")
    let ours = lines.filter { $0.contains(stage.directory.path) }
    #expect(ours.count == 5)
    #expect(Set(ours.compactMap { $0.firstMatch(of: /"pid":\d+/).map { String($0.0) } }).count == 1)
    for point in points {
      #expect(try SmallTree.marker(in: point) == "one")
      try stage.succeed("unmount", point)
    }
  }

  @Test func `a command prints the same with and without an owner`() throws {
    let alone = try stage.succeed("manifest", "--digests", source).text
    try stage.succeed("mount", source, stage.mountPoint)
    #expect(try stage.succeed("manifest", "--digests", source).text == alone)
    #expect(try stage.succeed("cat", source, "marker").text == "one")
    let target = stage.directory.file("out")
    try stage.succeed("extract", source, target)
    #expect(
      try TreeSnapshot(of: target).differences(from: TreeSnapshot(of: stage.mountPoint)) == [])
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `an extraction through the owner outlives the last mount`() throws {
    try stage.succeed("mount", source, stage.mountPoint)
    let target = stage.directory.file("out")
    let extraction = try stage.start("extract", source, target)
    try stage.succeed("unmount", stage.mountPoint)
    let (status, _, errors) = extraction.finish()
    #expect(status == 0, "\(errors)")
    #expect(try SmallTree.marker(in: target) == "one")
  }

  @Test func `an extraction goes on when the owner that it reads through is killed`() throws {
    let owner = try stage.start("mount", "--foreground", source, stage.mountPoint)
    try waitUntil("mounted") { try stage.cullet("mounts").text.contains(stage.mountPoint) }
    let target = stage.directory.file("out")
    let extraction = try stage.start("extract", source, target)
    try waitUntil("extracting") { FileManager.default.fileExists(atPath: "\(target)/file-0") }
    owner.send(signal: SIGKILL)
    _ = owner.finish()
    let (status, _, errors) = extraction.finish()
    #expect(status == 0, "\(errors)")
    #expect(try SmallTree.marker(in: target) == "one")
  }

  @Test func `a mount does not wait for an extraction that has the cache`() throws {
    let slow = server.url("slow/image.erofs")
    let target = stage.directory.file("out")
    let extraction = try stage.start("extract", slow, target)
    try waitUntil("extracting") { FileManager.default.fileExists(atPath: "\(target)/file-0") }
    try stage.succeed("mount", source, stage.mountPoint)
    #expect(extraction.isRunning)
    #expect(try SmallTree.marker(in: stage.mountPoint) == "one")
    let (status, _, errors) = extraction.finish()
    #expect(status == 0, "\(errors)")
    #expect(
      try TreeSnapshot(of: target).differences(from: TreeSnapshot(of: stage.mountPoint)) == [])
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `a reader that waits for the origin can be interrupted`() throws {
    try stage.succeed("mount", source, stage.mountPoint)
    server.pause()
    defer { server.resume() }
    let reader = try RunningCommand(["ls", "-lR", stage.mountPoint])
    Thread.sleep(forTimeInterval: 0.5)
    reader.send(signal: SIGINT)
    let start = Date()
    _ = reader.finish()
    // The command would wait for the origin for longer than this.
    #expect(Date().timeIntervalSince(start) < 8)
    server.resume()
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `blocks dropped by hand are fetched anew under a live mount`() throws {
    try stage.succeed("mount", source, stage.mountPoint)
    _ = try TreeSnapshot(of: stage.mountPoint)
    for command in [["invalidate", source], ["remove", source], ["cull", "--target", "100"]] {
      #expect(
        try Command(
          [Stage.binary, "cache"] + command, environment: ["CULLET_CACHE": stage.cache]
        ).status == 0)
      try dropKernelCaches()
      let requests = try stage.status("origin", "requests")
      let text = try SmallTree.content(of: 7, in: stage.mountPoint)
      #expect(difference(text, SmallTree.expectedContent(of: 7, marker: "one")) == nil)
      #expect(try stage.status("origin", "requests") > requests, "\(command)")
    }
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `a mount that fails leaves the mounts of others alone`() throws {
    let other = stage.directory.file("other")
    try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: false)
    server.pause()
    let failing = try stage.start("mount", server.url("absent.erofs"), stage.mountPoint)
    Thread.sleep(forTimeInterval: 0.3)
    let good = try stage.start("mount", source, other)
    Thread.sleep(forTimeInterval: 0.3)
    server.resume()
    #expect(failing.finish().status == 66)
    #expect(good.finish().status == 0)
    #expect(try SmallTree.marker(in: other) == "one")
    try stage.succeed("unmount", other)
  }

  @Test func `a mount that comes while the last one goes is served`() throws {
    let other = stage.directory.file("other")
    try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: false)
    for _ in 1...5 {
      try stage.succeed("mount", source, stage.mountPoint)
      let late = try stage.start("mount", source, other)
      try stage.succeed("unmount", stage.mountPoint)
      let (status, _, errors) = late.finish()
      #expect(status == 0, "\(errors)")
      #expect(try SmallTree.marker(in: other) == "one")
      try stage.succeed("unmount", other)
    }
  }

  @Test func `a lazy unmount leaves the next mount on its directory alone`() throws {
    try stage.succeed("mount", source, stage.mountPoint)
    let file = FileHandle(forReadingAtPath: "\(stage.mountPoint)/file-0")
    try stage.succeed("unmount", "--lazy", stage.mountPoint)
    try stage.succeed("mount", source, stage.mountPoint)
    try file?.close()
    Thread.sleep(forTimeInterval: 0.2)
    #expect(try SmallTree.marker(in: stage.mountPoint) == "one")
    #expect(try stage.succeed("mounts").text.contains("(fuse, live, process"))
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test(arguments: ["1>&-", "0<&- 1>&-", "0<&- 1>&- 2>&-"])
  func `closed standard descriptors never lead into the cache`(closed: String) throws {
    let script = "\(Stage.binary) manifest --digests \(source) \(closed); echo $? > status"
    try Command(
      ["bash", "-c", script], environment: ["CULLET_CACHE": stage.cache], in: stage.directory.path)
    let status = try String(contentsOfFile: stage.directory.file("status"), encoding: .utf8)
    #expect(status == "74\n")
    #expect(try stage.succeed("cache", "verify").text.contains(" 0 checksum failures, 0 index"))
    let mount = "\(Stage.binary) mount \(source) \(stage.mountPoint) \(closed); echo $? > status"
    try Command(
      ["bash", "-c", mount], environment: ["CULLET_CACHE": stage.cache], in: stage.directory.path)
    #expect(try String(contentsOfFile: stage.directory.file("status"), encoding: .utf8) == "0\n")
    #expect(try SmallTree.marker(in: stage.mountPoint) == "one")
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `a cull of what is older than time itself culls nothing`() throws {
    try stage.succeed("mount", source, stage.mountPoint)
    for age in ["18446744073709551615s", "213503982334601d"] {
      let text = try stage.succeed("cache", "cull", "--older-than", age).text
      #expect(text.hasPrefix("culled 0 blocks"))
    }
    #expect(try SmallTree.marker(in: stage.mountPoint) == "one")
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `paths are relative to the command, not to the owner`() throws {
    let environment = ["CULLET_CACHE": "cache"]
    let here = stage.directory.path
    func run(_ arguments: String...) throws -> Command {
      try Command([Stage.binary] + arguments, environment: environment, in: here)
    }
    #expect(try run("mount", "www/image.erofs", "mnt").status == 0)
    #expect(try SmallTree.marker(in: stage.mountPoint) == "one")
    #expect(try run("cat", "www/image.erofs", "marker").text == "one")
    #expect(try run("unmount", "mnt").status == 0)
  }

  @Test func `a password in the source is shown nowhere`() throws {
    let secret = source.replacing("http://", with: "http://user:pa55word@")
    try stage.succeed("mount", secret, stage.mountPoint)
    var shown = try stage.succeed("mounts", "--json").text + stage.succeed("cache", "ls").text
    shown += try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
    shown += try Command(["ps", "axww", "-o", "args"]).text
    shown += try String(contentsOfFile: "\(stage.cache)/cullet.log", encoding: .utf8)
    #expect(!shown.contains("pa55word"))
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `a new mount takes the place of one whose owner was killed`() throws {
    let owner = try stage.start("mount", "--foreground", source, stage.mountPoint)
    try waitUntil("mounted") { try stage.cullet("mounts").text.contains(stage.mountPoint) }
    owner.send(signal: SIGKILL)
    _ = owner.finish()
    try stage.succeed("mount", source, stage.mountPoint)
    #expect(try SmallTree.marker(in: stage.mountPoint) == "one")
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test func `a terminated owner unmounts, also what is in use`() throws {
    let owner = try stage.start("mount", "--foreground", source, stage.mountPoint)
    try waitUntil("mounted") { try stage.cullet("mounts").text.contains(stage.mountPoint) }
    let file = FileHandle(forReadingAtPath: "\(stage.mountPoint)/marker")
    #expect(try stage.cullet("unmount", stage.mountPoint).status == 75)
    owner.send(signal: SIGTERM)
    #expect(owner.finish().status == 0)
    try file?.close()
    #expect(try !stage.cullet("mounts").text.contains(stage.mountPoint))
  }

  @Test func `a stopped owner is named, not waited for`() throws {
    let owner = try stage.start("mount", "--foreground", source, stage.mountPoint)
    try waitUntil("mounted") { try stage.cullet("mounts").text.contains(stage.mountPoint) }
    owner.send(signal: SIGSTOP)
    defer { owner.send(signal: SIGCONT) }
    let status = try stage.cullet("cache", "status")
    #expect(status.status == 75)
    #expect(status.errors.contains("does not answer"))
    #expect(try stage.cullet("mounts").text.contains(stage.mountPoint))
    owner.send(signal: SIGCONT)
    try stage.succeed("unmount", stage.mountPoint)
    #expect(owner.finish().status == 0)
  }

  @Test func `pinned paths outlive a cull under a mount, and a resize`() throws {
    try stage.succeed("cache", "init", "--size", "16M")
    try stage.succeed("mount", source, stage.mountPoint)
    try stage.succeed("cache", "pin", source, "marker", "file-3")
    for index in 0..<SmallTree.fileCount {
      _ = try SmallTree.content(of: index, in: stage.mountPoint)
    }
    try stage.succeed("cache", "cull", "--target", "100")
    let pinned = try stage.status("blocks", "pinned")
    #expect(pinned > 0)
    #expect(try stage.status("blocks", "used") == pinned)
    #expect(try stage.succeed("cache", "ls").text.contains("pinned"))
    try stage.succeed("cache", "resize", "4M")
    #expect(try stage.status("capacityBytes") == 4 << 20)
    try stage.succeed("unmount", stage.mountPoint)
    // Another process has the pins too, and reads what is pinned without the origin.
    server.stop()
    try stage.succeed("mount", source, stage.mountPoint)
    #expect(try stage.status("blocks", "pinned") == pinned)
    let content = try SmallTree.content(of: 3, in: stage.mountPoint)
    #expect(difference(content, SmallTree.expectedContent(of: 3, marker: "one")) == nil)
    try stage.succeed("cache", "unpin", source)
    #expect(try stage.status("blocks", "pinned") == 0)
    try stage.succeed("unmount", stage.mountPoint)
  }
}
