import Bytes
import Linux
import Node
import TestSupport
import Testing

/// What comes in at the control socket is input like any other: some of it is nonsense.
@Suite struct ControlSocketTests {
  private let temporary: TemporaryDirectory
  private let cache: CacheDirectory

  init() throws {
    temporary = try TemporaryDirectory()
    cache = CacheDirectory(path: temporary.file("cache"))
  }

  private func withNode(_ body: (Node) throws -> Void) throws {
    let node = try Node(owning: cache, role: .resident, log: { _ in })
    defer { node.close() }
    try body(node)
  }

  @Test func `the owner survives clients that send nonsense or hang up`() throws {
    var generator = SeededGenerator(for: "the owner survives clients that send nonsense")
    try withNode { node in
      for round in 0..<50 {
        let socket = try UnixSocket.connect(to: cache.socketPath)
        var bytes = generator.bytes(count: Int.random(in: 0...200, using: &generator))
        // Some with a length that is right, so that the JSON is looked at.
        if round % 2 == 0, bytes.count >= 4 {
          let count = UInt32(bytes.count - 4)
          for index in 0..<4 { bytes[index] = UInt8(truncatingIfNeeded: count >> (8 * index)) }
        }
        try? socket.write(bytes.rawSpan)
      }
      let access = CacheAccess(directory: cache)
      let directory = try access.service().status().directory
      #expect(directory == cache.path)
      access.close()
    }
  }

  @Test func `a length beyond reason closes the connection`() throws {
    try withNode { _ in
      let socket = try UnixSocket.connect(to: cache.socketPath)
      try socket.write([0xFF, 0xFF, 0xFF, 0xFF].rawSpan)
      var reply = [UInt8](repeating: 0, count: 16)
      var target = reply.mutableRawSpan
      let count = try socket.read(into: &target)
      #expect(count == 0)
    }
  }

  @Test func `a cache path longer than a socket address can be used`() throws {
    let deep = CacheDirectory(
      path: temporary.file(String(repeating: "directory/", count: 20) + "cache"))
    let node = try Node(owning: deep, role: .resident, log: { _ in })
    let access = CacheAccess(directory: deep)
    #expect(try access.service().status().owner != nil)
    access.close()
    node.close()
  }

  @Test func `the socket goes with the owner, and a leftover one is replaced`() throws {
    try withNode { _ in }
    #expect(throws: SystemError.self) {
      let socket = try UnixSocket.connect(to: cache.socketPath)
      UnixSocket.shutDown(socket)
    }
    // What a killed owner leaves: a socket file that nobody listens at.
    _ = try UnixSocket.listen(at: cache.socketPath)
    try withNode { _ in
      let access = CacheAccess(directory: cache)
      let isResident = try access.service().isResident()
      #expect(isResident)
      access.close()
    }
  }
}
