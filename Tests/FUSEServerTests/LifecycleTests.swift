import Bytes
import CLinux
import FUSEProtocol
import FUSEServer
import Foundation
import Linux
import TestSupport
import Testing

/// How mounts begin and end, in order and out of it.
@Suite(.enabled(if: canMount), .timeLimit(.minutes(1)))
struct LifecycleTests {
  private static func oneFile(
    onRead: @escaping @Sendable (NodeID) throws(Errno) -> Void = { _ in }
  ) -> MemoryFilesystem {
    var tree = TreeBuilder()
    tree.add("file", .init(mode: 0o100644, data: [UInt8](repeating: 7, count: 100_000)))
    return MemoryFilesystem(tree.files, onRead: onRead)
  }

  /// A gate that readers wait at, and that tells when one has come.
  private final class Gate: Sendable {
    private let state = Lock((arrived: 0, isOpen: false))

    func pass() {
      state.withLock { $0.arrived += 1 }
      state.signalAll()
      state.wait { $0.isOpen ? () : nil }
    }

    func awaitArrivals(_ count: Int = 1) {
      state.wait { $0.arrived >= count ? () : nil }
    }

    func open() {
      state.withLock { $0.isOpen = true }
      state.signalAll()
    }
  }

  /// Runs `session` on a thread of its own.
  private func start(_ session: Session) throws -> Linux.Thread {
    try Thread(name: "session") { try? session.run() }
  }

  /// The error of asking for the statistics of `path`, which no cache answers; zero for none.
  private func probe(_ path: String) -> Errno {
    var statistics = statvfs()
    return statvfs(path, &statistics) == 0 ? Errno(rawValue: 0) : .current
  }

  @Test func `unmounting an idle mount ends its session`() throws {
    let directory = try TemporaryDirectory()
    let session = Session(
      filesystem: Self.oneFile(), device: try Mount.attach(source: "a b", on: directory.path))
    let thread = try start(session)
    #expect(try Data(contentsOf: URL(filePath: directory.file("file"))).count == 100_000)
    let mount = try #require(try Mount.list().first { $0.directory == directory.path })
    #expect(mount.source == "a b")
    #expect(mount.state == .live)
    try Mount.unmount(directory.path)
    thread.join()
    #expect(try !Mount.list().contains { $0.directory == directory.path })
  }

  @Test func `an idle session gives back the memory of large replies`() throws {
    let directory = try TemporaryDirectory()
    let filesystem = Self.oneFile()
    let session = Session(
      filesystem: filesystem, device: try Mount.attach(source: "a", on: directory.path))
    let thread = try start(session)
    let file = URL(filePath: directory.file("file"))
    #expect(try Data(contentsOf: file).count == 100_000)
    #expect(LargeBuffers.shared.heldByteCount > 0)
    func restCount() -> Int { filesystem.counts.withLock { $0["rested"] ?? 0 } }
    for _ in 0..<1000 where restCount() == 0 { Thread.sleep(milliseconds: 10) }
    #expect(restCount() == 1)
    for _ in 0..<1000 where LargeBuffers.shared.heldByteCount > 0 { Thread.sleep(milliseconds: 10) }
    #expect(LargeBuffers.shared.heldByteCount == 0)
    let opened = try FileHandle(forReadingFrom: file)
    #expect(posix_fadvise(opened.fileDescriptor, 0, 0, POSIX_FADV_DONTNEED) == 0)
    try opened.close()
    #expect(try Data(contentsOf: file) == Data(repeating: 7, count: 100_000))
    try Mount.unmount(directory.path)
    thread.join()
  }

  @Test func `a session hears of every rest after a read, however small`() throws {
    let directory = try TemporaryDirectory()
    var tree = TreeBuilder()
    for name in ["a", "b"] { tree.add(name, .init(mode: 0o100644, data: [7])) }
    let filesystem = MemoryFilesystem(tree.files)
    let session = Session(
      filesystem: filesystem, device: try Mount.attach(source: "a", on: directory.path))
    let thread = try start(session)
    for (index, name) in ["a", "b"].enumerated() {
      #expect(try Data(contentsOf: URL(filePath: directory.file(name))) == Data([7]))
      func restCount() -> Int { filesystem.counts.withLock { $0["rested"] ?? 0 } }
      for _ in 0..<1000 where restCount() == index { Thread.sleep(milliseconds: 10) }
      #expect(restCount() == index + 1)
    }
    try Mount.unmount(directory.path)
    thread.join()
  }

  @Test func `stopping an idle session leaves a dead mount, which can be unmounted`() throws {
    let directory = try TemporaryDirectory()
    var session: Session? = Session(
      filesystem: Self.oneFile(), device: try Mount.attach(source: "a", on: directory.path))
    let thread = try start(try #require(session))
    defer { try? Mount.unmount(directory.path, lazy: true) }
    #expect(probe(directory.path).rawValue == 0)
    session?.stop()
    thread.join()
    session = nil
    #expect(probe(directory.path) == .notConnected)
    #expect(try Mount.list().first { $0.directory == directory.path }?.state == .dead)
    try Mount.unmount(directory.path)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == [])
  }

  @Test func `a session stopped before it runs returns at once`() throws {
    let directory = try TemporaryDirectory()
    let session = Session(
      filesystem: Self.oneFile(), device: try Mount.attach(source: "a", on: directory.path))
    defer { try? Mount.unmount(directory.path, lazy: true) }
    session.stop()
    try session.run()
    try session.run()
    #expect(probe(directory.path) == .notConnected)
  }

  @Test func `a mount whose owner is gone is dead until it is unmounted`() throws {
    let directory = try TemporaryDirectory()
    defer { try? Mount.unmount(directory.path, lazy: true) }
    _ = try Mount.attach(source: "gone", on: directory.path)
    #expect(probe(directory.path) == .notConnected)
    let mount = try #require(try Mount.list().first { $0.directory == directory.path })
    #expect(mount.state == .dead)
    #expect(throws: FUSEError(.mountPointTaken, path: directory.path)) {
      try Mount.attach(source: "again", on: directory.path)
    }
    try Mount.unmount(directory.path + "/")
    #expect(probe(directory.path).rawValue == 0)
    #expect(throws: FUSEError(.notMounted, path: directory.path)) {
      try Mount.unmount(directory.path)
    }
  }

  @Test func `a read under way when its mount is taken away lazily is finished`() throws {
    let gate = Gate()
    let directory = try TemporaryDirectory()
    let session = Session(
      filesystem: Self.oneFile { _ in gate.pass() },
      device: try Mount.attach(source: "a", on: directory.path))
    let thread = try start(session)
    defer { try? Mount.unmount(directory.path, lazy: true) }
    let path = directory.file("file")
    let count = Lock(0)
    let reader = try Thread(name: "reader") {
      let data = try? Data(contentsOf: URL(filePath: path))
      count.withLock { $0 = data?.count ?? -1 }
    }
    gate.awaitArrivals()
    #expect(throws: FUSEError(.mountInUse, path: directory.path)) {
      try Mount.unmount(directory.path)
    }
    try Mount.unmount(directory.path, lazy: true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == [])
    gate.open()
    reader.join()
    #expect(count.withLock { $0 } == 100_000)
    // The reader closed the last file: nothing else is needed.
    thread.join()
  }

  @Test func `stopping answers the requests at hand first`() throws {
    let gate = Gate()
    let directory = try TemporaryDirectory()
    let session = Session(
      filesystem: Self.oneFile { _ in gate.pass() },
      device: try Mount.attach(source: "a", on: directory.path), threadCount: 2)
    let thread = try start(session)
    defer { try? Mount.unmount(directory.path, lazy: true) }
    let path = directory.file("file")
    let first = Lock<[UInt8]>([])
    let reader = try Thread(name: "reader") {
      let descriptor = open(path, O_RDONLY)
      var bytes = [UInt8](repeating: 0, count: 10)
      let count = read(descriptor, &bytes, 10)
      close(descriptor)
      first.withLock { $0 = Array(bytes.prefix(max(0, count))) }
    }
    gate.awaitArrivals()
    session.stop()
    gate.open()
    reader.join()
    thread.join()
    #expect(first.withLock { $0 } == [UInt8](repeating: 7, count: 10))
    #expect(session.counts.lostReplyCount == 0)
  }

  @Test func `reads that wait for long do not keep others waiting`() throws {
    let gate = Gate()
    let files = 12
    var tree = TreeBuilder()
    for index in 0..<files { tree.add("file\(index)", .init(mode: 0o100644, data: [7])) }
    let filesystem = MemoryFilesystem(tree.files) { _ in gate.pass() }
    let options = ServingOptions(threadCount: 2, threadCountMax: files + 1)
    try withMount(of: filesystem, options: options) { root, session in
      let readers = try (0..<files).map { index in
        try Thread(name: "reader") {
          _ = try? Data(contentsOf: URL(filePath: "\(root)/file\(index)"))
        }
      }
      // All are under way at once, although none has been answered.
      gate.awaitArrivals(files)
      #expect(probe(root).rawValue == 0)
      #expect(session.threadCount == options.threadCountMax)
      gate.open()
      for reader in readers { reader.join() }
      // Nobody asks for anything any more.
      for _ in 0..<1000 where session.threadCount > 2 { Thread.sleep(milliseconds: 10) }
      #expect(session.threadCount == 2)
      #expect(try Data(contentsOf: URL(filePath: "\(root)/file0")) == Data([7]))
    }
  }

  @Test func `a thread that was busy when others rested takes what waits`() throws {
    let (stuck, slow) = (Gate(), Gate())
    var tree = TreeBuilder()
    for index in 0..<3 { tree.add("file\(index)", .init(mode: 0o100644, data: [7])) }
    // The first two files have the nodes 2 and 3.
    let filesystem = MemoryFilesystem(tree.files) { $0.rawValue < 4 ? stuck.pass() : slow.pass() }
    let options = ServingOptions(threadCount: 2, threadCountMax: 3)
    try withMount(of: filesystem, options: options) { root, session in
      func read(_ index: Int) throws -> Linux.Thread {
        try Thread(name: "reader") {
          _ = try? Data(contentsOf: URL(filePath: "\(root)/file\(index)"))
        }
      }
      var readers = [try read(0), try read(1)]
      stuck.awaitArrivals(2)
      readers.append(try read(2))
      slow.awaitArrivals()
      func restCount() -> Int { filesystem.counts.withLock { $0["rested"] ?? 0 } }
      for _ in 0..<1000 where restCount() == 0 { Thread.sleep(milliseconds: 10) }
      #expect(session.threadCount == 3)
      let isAnswered = Lock(false)
      let prober = try Thread(name: "prober") {
        _ = probe(root)
        isAnswered.withLock { $0 = true }
      }
      Thread.sleep(milliseconds: 50)
      slow.open()
      for _ in 0..<500 where !isAnswered.withLock({ $0 }) { Thread.sleep(milliseconds: 10) }
      #expect(isAnswered.withLock { $0 })
      stuck.open()
      for thread in readers + [prober] { thread.join() }
    }
  }

  @Test func `an interrupted caller is known to the filesystem, and to nobody else`() throws {
    let arrived = Gate()
    arrived.open()
    let gaveUp = Lock(0)
    let filesystem = Self.oneFile { _ throws(Errno) in
      if RequestContext.isInterrupted { return }
      arrived.pass()
      for _ in 0..<5000 {
        if RequestContext.isInterrupted {
          gaveUp.withLock { $0 += 1 }
          throw .interrupted
        }
        usleep(1000)
      }
    }
    try withMount(of: filesystem) { root, _ in
      let outcome = Lock<Errno?>(nil)
      let reader = try Thread(name: "reader") {
        Thread.acceptInterrupts()
        // Nothing is cached of extended attributes: the caller itself waits for the request.
        if getxattr("\(root)/file", "user.a", nil, 0) == -1 {
          let errno = Errno.current
          outcome.withLock { $0 = errno }
        }
      }
      arrived.awaitArrivals()
      reader.interrupt()
      reader.join()
      #expect(outcome.withLock { $0 } == .interrupted)
      #expect(gaveUp.withLock { $0 } == 1)
      #expect(!RequestContext.isInterrupted)
    }
  }

  @Test func `what cannot be mounted on is refused with its reason`() throws {
    let directory = try TemporaryDirectory()
    func refusal(_ path: String) -> FUSEError.Code? {
      #expect(throws: FUSEError.self) { try Mount.attach(source: "a", on: path) }?.code
    }
    #expect(refusal(directory.file("missing")) == .mountPointMissing)
    let file = try directory.write([1], to: "file")
    #expect(refusal(file) == .mountPointNotDirectory)
    #expect(refusal("\(file)/below") == .mountPointNotDirectory)
    #expect(refusal("/proc") == .mountPointTaken)
    #expect(throws: FUSEError(.notMounted, path: directory.path)) {
      try Mount.unmount(directory.path)
    }
    #expect(throws: FUSEError(.foreignMount, path: "/proc", detail: "proc")) {
      try Mount.unmount("/proc")
    }
    #expect(throws: FUSEError(.mountPointMissing, path: directory.file("missing"))) {
      try Mount.unmount(directory.file("missing"))
    }
  }

  @Test func `a link to a directory is mounted on and unmounted by either name`() throws {
    let directory = try TemporaryDirectory()
    let target = directory.file("odd name \\ ö")
    try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: false)
    let link = directory.file("link")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
    _ = try Mount.attach(source: "a", on: link)
    defer { try? Mount.unmount(target, lazy: true) }
    #expect(try Mount.list().contains { $0.directory == target })
    #expect(throws: FUSEError(.mountPointTaken, path: target)) {
      try Mount.attach(source: "b", on: target)
    }
    try Mount.unmount(link)
    #expect(try !Mount.list().contains { $0.directory == target })
  }
}
