import Bytes
import FUSEProtocol
import FUSEServer
import Linux
import TestSupport
import Testing

/// Requests and replies as bytes, without a kernel.
@Suite struct DispatcherTests {
  private static let replyByteCount = Dispatcher.payloadOffset + Dispatcher.payloadByteCountMin
  private static let filesystem: MemoryFilesystem = {
    var tree = TreeBuilder()
    tree.add("file", .init(mode: 0o100644, data: Array("contents".utf8)))
    tree.add("link", .init(mode: 0o120777, data: Array("file".utf8)))
    tree.add(
      "tagged", .init(mode: 0o100644, attributes: [("user.a", [1, 2, 3]), ("user.b", [])]))
    return MemoryFilesystem(tree.files)
  }()

  private static func request(_ opcode: UInt32, node: UInt64 = 1, body: [UInt8] = []) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(UInt32(40 + body.count))
    writer.append(opcode)
    writer.append(UInt64(99))
    writer.append(node)
    writer.append([UInt8](repeating: 0, count: 16))
    writer.append(body)
    return writer.bytes
  }

  /// The error number and the payload that `request` is answered with; nil when with nothing.
  private func answer(
    _ request: [UInt8], filesystem: any Filesystem = DispatcherTests.filesystem,
    handleless: Bool = true
  ) throws -> (errorNumber: Int32, payload: [UInt8])? {
    let dispatcher = Dispatcher(
      filesystem: filesystem, options: ServingOptions(handleless: handleless))
    var buffer = [UInt8](repeating: 0xAA, count: Self.replyByteCount)
    var span = buffer.mutableRawSpan
    let answer = dispatcher.answer(request.rawSpan, in: &span)
    guard let range = answer.reply else { return nil }
    let reply = Array(buffer[range])
    let view = reply.rawSpan
    #expect(view.load(fromByteOffset: 0, as: UInt32.self) == UInt32(reply.count))
    let errorNumber = -view.load(fromByteOffset: 4, as: Int32.self)
    #expect(errorNumber == answer.errorNumber)
    if errorNumber != 0 { #expect(reply.count == 16) }
    return (errorNumber, Array(reply[16...]))
  }

  private func error(_ request: [UInt8]) throws -> Errno? {
    try answer(request).map { Errno(rawValue: $0.errorNumber) }
  }

  private func little(_ values: UInt32...) -> [UInt8] {
    var writer = ByteWriter()
    for value in values { writer.append(value) }
    return writer.bytes
  }

  @Test func `what would write is refused as read-only, what is unknown as unimplemented`() throws {
    for opcode in Opcode.allCases where opcode.modifies {
      #expect(try error(Self.request(opcode.rawValue)) == .readOnlyFilesystem)
    }
    for number in [0, 7, 19, 54, 4096, 0xFFFF_FFFF] as [UInt32] {
      #expect(try error(Self.request(number)) == .notImplemented)
    }
    for opcode in [Opcode.flush, .sync, .access, .extendedStatus, .control, .seek, .getLock] {
      #expect(
        try error(Self.request(opcode.rawValue, body: little(0, 0, 0, 0, 3, 0))) == .notImplemented)
    }
  }

  @Test func `what needs no reply gets none`() throws {
    for opcode in [Opcode.forget, .batchForget, .interrupt, .notifyReply] {
      for body in [[], [UInt8](repeating: 0xFF, count: 64)] {
        #expect(try answer(Self.request(opcode.rawValue, body: body)) == nil)
      }
    }
    #expect(try answer([]) == nil)
    #expect(try answer([UInt8](repeating: 0, count: 39)) == nil)
  }

  @Test func `malformed requests are invalid arguments`() throws {
    let name = Array("file\0".utf8)
    for body in [[], name.dropLast(), [0], name + name] as [[UInt8]] {
      #expect(try error(Self.request(1, body: body)) == .invalidArgument)
      #expect(
        try error(Self.request(22, body: [0, 0, 0, 0, 0, 0, 0, 0] + body)) == .invalidArgument)
    }
    for opcode in [15, 28, 44, 22, 23, 46] as [UInt32] {
      #expect(try error(Self.request(opcode, node: 2, body: [1, 2, 3])) == .invalidArgument)
    }
    // A read beyond what a file can have.
    let beyond = [UInt8](repeating: 0xFF, count: 40)
    #expect(try error(Self.request(15, node: 2, body: beyond)) == .invalidArgument)
    var short = Self.request(1, body: name)
    short[0] = 44
    #expect(try error(short) == .invalidArgument)
    var extended = Self.request(1, body: name)
    extended[36] = 200
    #expect(try error(extended) == .invalidArgument)
  }

  @Test func `a second INIT is an error`() throws {
    #expect(try error(Self.request(26, body: [UInt8](repeating: 0, count: 64))) == .ioError)
  }

  @Test func `reads are answered from the offset, and are cut to the room there is`() throws {
    func read(_ offset: UInt32, _ count: UInt32) throws -> [UInt8]? {
      try answer(Self.request(15, node: 2, body: little(0, 0, offset, 0, count, 0, 0, 0, 0, 0)))?
        .payload
    }
    #expect(try read(0, 4096) == Array("contents".utf8))
    #expect(try read(3, 2) == Array("te".utf8))
    #expect(try read(8, 10) == [])
    #expect(try read(5, 0xFFFF_FFFF) == Array("nts".utf8))
    #expect(try read(0, 0) == [])
  }

  @Test func `links, names and attributes are answered`() throws {
    #expect(try answer(Self.request(5, node: 3))?.payload == Array("file".utf8))
    let found = try #require(try answer(Self.request(1, body: Array("link\0".utf8)))?.payload)
    #expect(found.count == 128)
    #expect(found[0] == 3)
    let absent = try #require(try answer(Self.request(1, body: Array("none\0".utf8)))?.payload)
    #expect(absent.count == 128)
    #expect(absent[0..<16].allSatisfy { $0 == 0 })
    #expect(absent[16..<24] != [0, 0, 0, 0, 0, 0, 0, 0])
    #expect(try answer(Self.request(3))?.payload.count == 104)
    #expect(try error(Self.request(3, node: 77)) == .stale)
    #expect(try answer(Self.request(17))?.payload.count == 80)
  }

  @Test func `extended attributes are sized, fetched, or do not fit`() throws {
    func get(_ name: String, room: UInt32) throws -> (errorNumber: Int32, payload: [UInt8])? {
      try answer(Self.request(22, node: 4, body: little(room, 0) + Array("\(name)\0".utf8)))
    }
    #expect(try get("user.a", room: 0)?.payload == [3, 0, 0, 0, 0, 0, 0, 0])
    #expect(try get("user.a", room: 3)?.payload == [1, 2, 3])
    #expect(try get("user.a", room: 2)?.errorNumber == Errno.outOfRange.rawValue)
    #expect(try get("user.b", room: 9)?.payload == [])
    #expect(try get("user.c", room: 0)?.errorNumber == Errno.noData.rawValue)
    #expect(
      try answer(Self.request(23, node: 4, body: little(0, 0)))?.payload
        == [14, 0, 0, 0, 0, 0, 0, 0])
    #expect(
      try answer(Self.request(23, node: 4, body: little(14, 0)))?.payload
        == Array("user.a\0user.b\0".utf8))
    #expect(try error(Self.request(23, node: 4, body: little(13, 0))) == .outOfRange)
  }

  @Test func `opens need no handle, or get one that keeps caches`() throws {
    for (opcode, flags) in [(14, 34), (27, 10)] as [(UInt32, UInt8)] {
      #expect(try error(Self.request(opcode)) == .notImplemented)
      let opened = try answer(Self.request(opcode), handleless: false)
      #expect(opened?.payload == [0, 0, 0, 0, 0, 0, 0, 0, flags, 0, 0, 0, 0, 0, 0, 0])
    }
    for opcode in [18, 29, 38] as [UInt32] {
      let body = [UInt8](repeating: 0, count: 24)
      #expect(try error(Self.request(opcode, body: body))?.rawValue == 0)
    }
  }

  @Test func `a filesystem says how a file is opened, and learns when it is closed`() throws {
    let reply = OpenReply(
      flags: [.directIO, .noFlush], handle: 0x0102_0304_0506_0708, backingID: 9)
    let filesystem = MemoryFilesystem(Self.filesystem.files, openReply: reply)
    let opened = try answer(
      Self.request(14, node: 2), filesystem: filesystem, handleless: false)
    #expect(opened?.payload == [8, 7, 6, 5, 4, 3, 2, 1, 33, 0, 0, 0, 9, 0, 0, 0])
    let body = little(0x0506_0708, 0x0102_0304, 0, 0, 0, 0)
    let closed = try answer(
      Self.request(18, node: 2, body: body), filesystem: filesystem, handleless: false)
    #expect(closed?.errorNumber == 0)
    #expect(filesystem.released.withLock { $0 } == [reply.handle])
    #expect(try error(Self.request(18, body: little(0))) == .invalidArgument)
  }

  @Test func `an error number that the kernel refuses becomes an I/O error`() throws {
    for number in [0, -1, 512, 5000] as [Int32] {
      let filesystem = MemoryFilesystem(Self.filesystem.files) { _ throws(Errno) in
        throw Errno(rawValue: number)
      }
      let body = [UInt8](repeating: 0, count: 40)
      let answer = try answer(Self.request(15, node: 2, body: body), filesystem: filesystem)
      #expect(answer?.errorNumber == Errno.ioError.rawValue)
    }
  }

  @Test func `random messages never trap, and replies are well formed`() throws {
    var generator = SeededGenerator(for: "DispatcherTests")
    for _ in 0..<20_000 {
      let body = generator.bytes(count: Int(generator.next() % 80))
      var request = Self.request(
        UInt32(generator.next() % 60), node: generator.next() % 6, body: body)
      if generator.next() % 4 == 0 {
        request[Int(generator.next() % UInt64(request.count))] = UInt8(generator.next() % 256)
      }
      if generator.next() % 8 == 0 { request.removeLast(Int(generator.next() % 41)) }
      _ = try answer(request)
    }
  }
}
