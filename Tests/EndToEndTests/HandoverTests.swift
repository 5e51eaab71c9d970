import Foundation
import Linux
import TestSupport
import Testing

/// A mount whose server is replaced by another process, while files in it are open.
@Suite(
  .serialized, .timeLimit(.minutes(1)),
  .enabled(if: Stage.isPossible, "needs root and /dev/fuse"))
struct HandoverTests {
  private static let peer = URL(filePath: Stage.binary).deletingLastPathComponent()
    .appending(path: "SessionPeer").path()

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

  private func start(_ options: String...) throws -> RunningCommand {
    try RunningCommand([Self.peer, image, stage.mountPoint, "--socket", socket] + options)
  }

  /// Waits until `process` has said `word`.
  private func expect(_ word: String, of process: RunningCommand) throws {
    for _ in 0..<1000 {
      if process.outputSoFar.contains("\(word)\n") { return }
      guard process.isRunning else { break }
      Thread.sleep(milliseconds: 10)
    }
    throw StageError("no '\(word)': \(process.outputSoFar) \(process.finish().errors)")
  }

  private func unmount(_ last: RunningCommand) throws {
    #expect(try Command(["umount", stage.mountPoint]).status == 0)
    #expect(last.finish().status == 0)
  }

  @Test func `readers notice nothing when a session is handed over`() throws {
    let first = try start()
    try expect("serving", of: first)
    let held = try #require(FileHandle(forReadingAtPath: "\(stage.mountPoint)/39"))
    #expect(try held.read(upToCount: 1000) == content.prefix(1000))
    let point = stage.mountPoint
    let content = content
    let state = Lock((isOver: false, readCount: 0, failureCount: 0))
    defer { state.withLock { $0.isOver = true } }
    let readers = try (0..<3).map { number in
      try Thread(name: "reader") {
        var name = number
        while !state.withLock({ $0.isOver }) {
          name = (name + 7) % 40
          let read = try? Data(contentsOf: URL(filePath: "\(point)/\(name)"))
          state.withLock {
            $0.readCount += 1
            if read != content.prefix(70_000 * (name + 1)) { $0.failureCount += 1 }
          }
          // The kernel is to ask again.
          if name % 8 == 0 {
            try? Data("1".utf8).write(to: URL(filePath: "/proc/sys/vm/drop_caches"))
          }
        }
      }
    }
    let successor = try start("--adopt")
    try expect("serving", of: successor)
    #expect(first.finish().status == 0)
    let count = state.withLock { $0.readCount }
    for _ in 0..<1000 where state.withLock({ $0.readCount }) <= count + 20 {
      Thread.sleep(milliseconds: 10)
    }
    #expect(state.withLock { $0.readCount } > count + 20)
    state.withLock { $0.isOver = true }
    for reader in readers { reader.join() }
    #expect(state.withLock { $0.failureCount } == 0)
    #expect(try held.readToEnd() == content.prefix(70_000 * 40).dropFirst(1000))
    try held.close()
    try unmount(successor)
  }

  /// What a killed server had taken is asked again, or fails if it came by another descriptor.
  ///
  /// All that comes later is served.
  @Test(arguments: [1, 2])
  func `a mount goes on when its server was killed`(threadCount: Int) throws {
    let server = try start("--keep", "--delay", "600", "--threads", "\(threadCount)")
    defer { server.send(signal: SIGKILL) }
    try expect("serving", of: server)
    let successor = try start("--adopt")
    try expect("received", of: successor)
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
    server.send(signal: SIGKILL)
    try expect("serving", of: successor)
    let answer = read.wait(until: MonotonicClock.now + 20_000_000_000) { $0 }
    let whole = content.prefix(70_000 * 6)
    if threadCount == 1 { #expect(answer == whole) }
    #expect(answer == .some(nil) || answer == whole)
    #expect(try Data(contentsOf: URL(filePath: "\(point)/5")) == whole)
    try unmount(successor)
    reader.join()
  }
}
