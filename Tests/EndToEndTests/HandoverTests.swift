import Foundation
import Linux
import TestSupport
import Testing

/// A mount whose server is replaced by another process, while files in it are open.
@Suite(
  .serialized, .timeLimit(.minutes(1)),
  .enabled(if: Stage.isPossible, "needs root and /dev/fuse"))
struct HandoverTests {
  private let stage: Stage
  private let content: Data
  private let image: String
  private let socket: String

  init() throws {
    stage = try Stage()
    var generator = SeededGenerator(seed: 11)
    content = Data(generator.bytes(count: 3_000_000))
    let tree = stage.directory.file("tree")
    try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: false)
    for name in 0..<40 {
      try content.prefix(70_000 * (name + 1)).write(to: URL(filePath: "\(tree)/\(name)"))
    }
    image = stage.directory.file("image")
    socket = stage.directory.file("socket")
    try stage.succeed("pack", "--compress", "lz4", "-o", image, tree)
  }

  private func start(_ options: String...) throws -> PeerProcess {
    try PeerProcess([image, stage.mountPoint] + options)
  }

  private func unmount(_ last: PeerProcess) throws {
    #expect(try Command(["umount", stage.mountPoint]).status == 0)
    #expect(try last.ends())
  }

  @Test func `readers notice nothing when a session is handed over`() throws {
    let first = try start("--hand-over", socket)
    try first.expect("serving")
    let held = try #require(FileHandle(forReadingAtPath: "\(stage.mountPoint)/39"))
    #expect(try held.read(upToCount: 1000) == content.prefix(1000))
    let readers = try EndlessReaders(
      count: 3,
      of: (0..<40).map { ("\(stage.mountPoint)/\($0)", content.prefix(70_000 * ($0 + 1))) })
    let successor = try start("--adopt", socket)
    try successor.expect("serving")
    #expect(try first.ends())
    #expect(readers.read(20))
    #expect(readers.finish() == 0)
    #expect(try held.readToEnd() == content.prefix(70_000 * 40).dropFirst(1000))
    try held.close()
    try unmount(successor)
  }

  /// What a killed server had taken is asked again, or fails if it came by another descriptor.
  ///
  /// All that comes later is served.
  @Test(arguments: [1, 2])
  func `a mount goes on when its server was killed`(threadCount: Int) throws {
    let server = try start(
      "--hand-over", socket, "--keep", "--delay", "600", "--threads", "\(threadCount)")
    try server.expect("serving")
    let successor = try start("--adopt", socket)
    try successor.expect("received")
    let point = stage.mountPoint
    let content = content
    let read = Lock<Data??>(nil)
    let reader = try Thread(name: "reader") {
      let data = try? Data(contentsOf: URL(filePath: "\(point)/5"))
      read.withLock { $0 = data }
      read.signalAll()
    }
    // By now the server has taken the look-up or the read, which it answers late.
    Thread.sleep(milliseconds: 300)
    server.kill()
    try successor.expect("serving")
    let answer = read.wait(until: MonotonicClock.now + 20_000_000_000) { $0 }
    let whole = content.prefix(70_000 * 6)
    if threadCount == 1 { #expect(answer == whole) }
    #expect(answer == .some(nil) || answer == whole)
    #expect(try Data(contentsOf: URL(filePath: "\(point)/5")) == whole)
    try unmount(successor)
    reader.join()
  }
}
