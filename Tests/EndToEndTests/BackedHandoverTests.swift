import Foundation
import TestSupport
import Testing

/// Mounts whose files the kernel reads elsewhere, handed over from process to process.
@Suite(
  .serialized, .timeLimit(.minutes(1)),
  .enabled(if: Stage.canPassThrough, "needs root and passthrough of FUSE, Linux 6.9"))
struct BackedHandoverTests {
  /// Farther than the kernel reads ahead, and not whole pages.
  private static let byteCount = 6_000_001
  private let stage: Stage

  init() throws {
    stage = try Stage()
  }

  private func content(_ seed: UInt64) -> Data {
    var generator = SeededGenerator(seed: seed)
    return Data(generator.bytes(count: Self.byteCount))
  }

  private func sum(_ seed: UInt64) -> UInt64 { content(seed).reduce(0) { $0 &+ UInt64($1) } }

  /// Makes the image `name` of files that have the contents of these seeds, and a place to mount it.
  private func pack(_ name: String, _ files: [String: UInt64], _ options: String...) throws {
    let tree = stage.directory.file("tree-\(name)")
    for path in [tree, stage.directory.file(name)] {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }
    for (file, seed) in files { try content(seed).write(to: URL(filePath: "\(tree)/\(file)")) }
    try stage.succeed(["pack", "--quiet", "-o", image(name)] + options + [tree])
  }

  private func image(_ name: String) -> String { stage.directory.file("\(name).erofs") }

  private func path(_ name: String, _ file: String) -> String {
    "\(stage.directory.file(name))/\(file)"
  }

  private func start(_ names: [String], _ options: String...) throws -> PeerProcess {
    try start(names, options)
  }

  private func start(_ names: [String], _ options: [String]) throws -> PeerProcess {
    try PeerProcess(names.flatMap { [image($0), stage.directory.file($0)] } + options)
  }

  private func unmount(_ names: [String], _ last: PeerProcess) throws {
    for name in names {
      #expect(try Command(["umount", stage.directory.file(name)]).status == 0)
    }
    #expect(try last.ends())
  }

  /// Replaces a block amid what has the content of `seed` in the image `name`.
  private func damage(_ name: String, _ seed: UInt64) throws {
    var bytes = try Data(contentsOf: URL(filePath: image(name)))
    let place = try #require(bytes.range(of: content(seed)[4_096_000..<4_100_096]))
    bytes.replaceSubrange(place, with: Data(repeating: 0x45, count: 4096))
    try bytes.write(to: URL(filePath: image(name)))
  }

  /// Whether `file`, which has the content of `seed` in both images, is the same memory, all of it.
  private func isShared(_ file: String, _ seed: UInt64) throws -> Bool {
    let mapped = try ["one", "two"].map { try MappedFile(path($0, file)) }
    return try withExtendedLifetime(mapped) {
      guard mapped.allSatisfy({ $0.checksum == sum(seed) }) else { return false }
      return try ["one", "two"].allSatisfy { name in
        let (rss, pss) = try MappedFile.residence(of: path(name, file))
        return rss >= Self.byteCount / 1024 && pss <= rss / 2 + 8
      }
    }
  }

  /// What the kernel's EROFS has mounted.
  private func kernelMounts() throws -> Set<String> {
    Set(try FileManager.default.contentsOfDirectory(atPath: "/sys/class/bdi"))
      .filter { $0.hasPrefix("erofs-") }
  }

  @Test func `files that are shared stay so from process to process`() throws {
    let names = ["one", "two"]
    let shared = ["common": 1, "early": 2, "late": 3] as [String: UInt64]
    try pack("one", shared.merging(["own": 10]) { $1 }, "--fingerprints")
    try pack("two", shared.merging(["own": 20]) { $1 }, "--fingerprints")
    let sockets = (0..<2).map { stage.directory.file("socket-\($0)") }
    let first = try start(names, "--share", "--hand-over", sockets[0])
    try first.expect("serving")
    let held = try names.map { try #require(FileHandle(forReadingAtPath: path($0, "common"))) }
    for file in held { #expect(try file.read(upToCount: 5000) == content(1).prefix(5000)) }
    var mapped = [
      (try MappedFile(path("two", "common")), sum(1)),
      // Private so far, and nothing of it is left to be asked for.
      (try MappedFile(path("one", "early")), sum(2)),
    ]
    #expect(mapped[1].0.checksum == sum(2))
    // Closed again, so that only its registration is left.
    #expect(try Data(contentsOf: URL(filePath: path("one", "own"))) == content(10))
    let second = try start(names, "--share", "--adopt", sockets[0], "--hand-over", sockets[1])
    try second.expect("serving")
    #expect(try first.ends())
    // Most of it was not read so far.
    #expect(mapped[0].0.checksum == sum(1))
    #expect(try MappedFile(path("one", "own")).residentByteCount >= Self.byteCount)
    for name in names {
      #expect(try Data(contentsOf: URL(filePath: path(name, "common"))) == content(1))
    }
    for (file, seed) in shared { #expect(try isShared(file, seed), "\(file)") }
    let last = try start(names, "--share", "--adopt", sockets[1])
    try last.expect("serving")
    #expect(try second.ends())
    try dropKernelCaches()
    for file in held {
      #expect(try file.readToEnd() == content(1).dropFirst(5000))
      try file.close()
    }
    for (file, sum) in mapped { #expect(file.checksum == sum) }
    for (name, seed) in zip(names, [10, 20] as [UInt64]) {
      #expect(try Data(contentsOf: URL(filePath: path(name, "own"))) == content(seed))
    }
    for (file, seed) in shared { #expect(try isShared(file, seed), "\(file)") }
    mapped = []
    try unmount(names, last)
  }

  @Test func `readers of mounts that share notice nothing`() throws {
    let names = ["one", "two"]
    let files = Dictionary(uniqueKeysWithValues: (1...8).map { ("\($0)", $0 as UInt64) })
    for name in names { try pack(name, files, "--fingerprints") }
    let sockets = (0..<3).map { stage.directory.file("socket-\($0)") }
    var server = try start(names, "--share", "--hand-over", sockets[0])
    try server.expect("serving")
    let contents = files.mapValues { content($0) }
    let readers = try EndlessReaders(
      count: 3,
      of: names.flatMap { name in contents.map { (path(name, $0.key), $0.value) } })
    for index in 0..<3 {
      #expect(readers.read(20))
      let next = index < 2 ? ["--hand-over", sockets[index + 1]] : []
      let successor = try start(names, ["--share", "--adopt", sockets[index]] + next)
      try successor.expect("serving")
      #expect(try server.ends())
      server = successor
    }
    #expect(readers.read(20))
    #expect(readers.finish() == 0)
    try unmount(names, server)
  }

  /// What was verified once is not believed by a process that has not seen it.
  @Test(arguments: [["one"], ["one", "two"]])
  func `a shared file is read from the images that still have it`(damaged: [String]) throws {
    let names = ["one", "two"]
    for name in names { try pack(name, ["common": 1, "other": 2], "--fingerprints") }
    let socket = stage.directory.file("socket")
    let first = try start(names, "--share", "--hand-over", socket)
    try first.expect("serving")
    let held = try names.map { try #require(FileHandle(forReadingAtPath: path($0, "common"))) }
    for name in damaged { try damage(name, 1) }
    let last = try start(names, "--share", "--adopt", socket)
    try last.expect("serving")
    #expect(try first.ends())
    for file in held {
      if damaged.count == names.count {
        #expect(throws: (any Error).self) { try file.read(upToCount: 5000) }
      } else {
        #expect(try file.readToEnd() == content(1))
      }
      try file.close()
    }
    for name in names {
      #expect(try Data(contentsOf: URL(filePath: path(name, "other"))) == content(2))
    }
    try unmount(names, last)
  }

  /// What it told of its files would be out of date.
  @Test func `a mount that shares ends with a server that was killed`() throws {
    try pack("one", ["common": 1], "--fingerprints")
    let socket = stage.directory.file("socket")
    let server = try start(["one"], "--share", "--keep", "--hand-over", socket)
    try server.expect("serving")
    let successor = try start(["one"], "--share", "--adopt", socket)
    try successor.expect("received")
    server.kill()
    try waitUntil("ended") { !successor.isRunning }
    #expect(throws: (any Error).self) {
      try Data(contentsOf: URL(filePath: path("one", "common")))
    }
  }

  @Test(.enabled(if: Stage.canMountFiles, "needs EROFS on files, Linux 6.12"))
  func `large files go on being read by the kernel's EROFS`() throws {
    try pack("one", ["a": 1, "b": 2, "c": 3], "--compress", "lz4")
    let sockets = (0..<2).map { stage.directory.file("socket-\($0)") }
    let before = try kernelMounts()
    let first = try start(["one"], "--large", "--hand-over", sockets[0])
    try first.expect("serving")
    let hidden = try kernelMounts().subtracting(before)
    #expect(!hidden.isEmpty)
    let held = try #require(FileHandle(forReadingAtPath: path("one", "b")))
    #expect(try held.read(upToCount: 5000) == content(2).prefix(5000))
    var mapped: MappedFile? = try MappedFile(path("one", "b"))
    #expect(try Data(contentsOf: URL(filePath: path("one", "c"))) == content(3))
    let second = try start(["one"], "--large", "--adopt", sockets[0], "--hand-over", sockets[1])
    try second.expect("serving")
    #expect(try first.ends())
    #expect(try kernelMounts().isSuperset(of: hidden))
    #expect(try MappedFile(path("one", "c")).residentByteCount >= Self.byteCount)
    #expect(mapped?.checksum == sum(2))
    let last = try start(["one"], "--large", "--adopt", sockets[1])
    try last.expect("serving")
    #expect(try second.ends())
    try dropKernelCaches()
    for (file, seed) in [("a", 1), ("b", 2), ("c", 3)] as [(String, UInt64)] {
      #expect(try Data(contentsOf: URL(filePath: path("one", file))) == content(seed))
    }
    #expect(try held.readToEnd() == content(2).dropFirst(5000))
    try held.close()
    #expect(mapped?.checksum == sum(2))
    mapped = nil
    try unmount(["one"], last)
    // The kernel takes its time to let go.
    try waitUntil("unmounted") { try kernelMounts().isDisjoint(with: hidden) }
  }

  @Test(.enabled(if: Stage.canMountFiles, "needs EROFS on files, Linux 6.12"))
  func `readers of large files notice nothing`() throws {
    let files = Dictionary(uniqueKeysWithValues: (1...8).map { ("\($0)", $0 as UInt64) })
    try pack("one", files)
    let sockets = (0..<2).map { stage.directory.file("socket-\($0)") }
    let first = try start(["one"], "--large", "--hand-over", sockets[0])
    try first.expect("serving")
    let readers = try EndlessReaders(
      count: 3, of: files.map { (path("one", $0.key), content($0.value)) })
    #expect(readers.read(20))
    let second = try start(["one"], "--large", "--adopt", sockets[0], "--hand-over", sockets[1])
    try second.expect("serving")
    #expect(try first.ends())
    #expect(readers.read(20))
    let last = try start(["one"], "--large", "--adopt", sockets[1])
    try last.expect("serving")
    #expect(try second.ends())
    #expect(readers.read(20))
    #expect(readers.finish() == 0)
    try unmount(["one"], last)
  }
}
