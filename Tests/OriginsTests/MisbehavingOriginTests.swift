import Bytes
import Origins
import ReadPath
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct MisbehavingOriginTests {
  private static let object = ScriptedObject(bytes: (0..<1000).map { UInt8($0 % 251) })
  private static let version = ObjectVersion(byteCount: 1000, entityTag: #""v1""#)

  @Test func `one request tells the version, and a read is one request with its condition`()
    async throws
  {
    let server = try ScriptedServer { Self.object.reply(to: $0) }
    let origin = try OriginFixture(server.address).origin
    let version = try await origin.version()
    #expect(version == Self.version)
    let bytes = try await origin.read(range(10, 20), of: version)
    #expect(bytes == Array(Self.object.bytes[10..<30]))
    let requests = server.requests
    #expect(requests.count == 2)
    #expect(requests[0].fields["range"] == "bytes=0-0")
    #expect(requests[1].fields["range"] == "bytes=10-29")
    #expect(requests[1].fields["if-match"] == #""v1""#)
    #expect(requests[1].fields["accept-encoding"] == "identity")
    #expect(requests[1].connection == 0)
    #expect(origin.statistics.requests == 2)
    #expect(origin.statistics.bytes == 21)
    #expect(origin.statistics.retries == 0)
    #expect(origin.statistics.failures == 0)
  }

  @Test func `a server without ranges is refused without taking the whole object`() async throws {
    let whole = [UInt8](repeating: 7, count: 20_000_000)
    let server = try ScriptedServer { _ in .init(200, ["ETag": #""v1""#], body: whole) }
    let origin = try OriginFixture(server.address).origin
    let error = await #expect(throws: OriginError.self) { try await origin.version() }
    #expect(error?.code == .unsupported)
    #expect(error?.message.contains("byte ranges") == true)
    #expect(origin.statistics.bytes < 10_000_000)
    #expect(origin.statistics.failures == 1)
  }

  @Test(arguments: [1, 7, 500, 999])
  func `a body cut short is completed by asking for the rest`(cut: Int) async throws {
    let server = try ScriptedServer { request in
      let reply = Self.object.reply(to: request)
      guard request.index == 0 else { return reply }
      return .init(Array(reply.bytes.dropLast(1000 - cut)), .close)
    }
    let fixture = try OriginFixture(server.address)
    let bytes = try await fixture.origin.read(range(0, 1000), of: Self.version)
    #expect(bytes == Self.object.bytes)
    #expect(server.requests[1].fields["range"] == "bytes=\(cut)-999")
    #expect(fixture.origin.statistics.retries == 1)
    #expect(fixture.clock.sleeps.count == 1)
  }

  @Test(arguments: [
    "bytes 11-30/1000", "bytes 10-28/1000", "bytes 10-30/1000", "bytes 10-29", "rubbish",
    "bytes */1000", "bytes 29-10/1000",
  ])
  func `bytes of another place are refused`(field: String) async throws {
    let server = try ScriptedServer { _ in
      .init(
        206, ["ETag": #""v1""#, "Content-Range": field], body: [UInt8](repeating: 1, count: 20))
    }
    let origin = try OriginFixture(server.address).origin
    #expect(
      await code { () async throws(OriginError) in
        _ = try await origin.read(range(10, 20), of: Self.version)
      } == .malformed)
    #expect(server.requests.count == 1)
  }

  @Test(arguments: [19, 21, 4_000_000_000])
  func `a length that contradicts the range is refused`(length: Int) async throws {
    let server = try ScriptedServer { _ in
      .init(
        206,
        [
          "ETag": #""v1""#, "Content-Range": "bytes 10-29/1000", "Content-Length": "\(length)",
        ], body: [UInt8](repeating: 1, count: 20))
    }
    let origin = try OriginFixture(server.address).origin
    #expect(
      await code { () async throws(OriginError) in
        _ = try await origin.read(range(10, 20), of: Self.version)
      } == .malformed)
  }

  @Test func `more bytes than the range are refused`() async throws {
    let server = try ScriptedServer { _ in
      let head =
        "HTTP/1.1 206 x\r\nETag: \"v1\"\r\nContent-Range: bytes 10-29/1000\r\n"
        + "Transfer-Encoding: chunked\r\n\r\n"
      return .init(
        Array((head + "15\r\n" + String(repeating: "x", count: 21) + "\r\n0\r\n\r\n").utf8),
        .keepAlive)
    }
    let origin = try OriginFixture(server.address).origin
    #expect(
      await code { () async throws(OriginError) in
        _ = try await origin.read(range(10, 20), of: Self.version)
      } == .malformed)
  }

  @Test func `a chunked body is taken as it is`() async throws {
    let server = try ScriptedServer { _ in
      let head =
        "HTTP/1.1 206 x\r\nETag: \"v1\"\r\nContent-Range: bytes 10-12/1000\r\n"
        + "Transfer-Encoding: chunked\r\n\r\n"
      return .init(Array((head + "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n").utf8), .keepAlive)
    }
    let origin = try OriginFixture(server.address).origin
    #expect(try await origin.read(range(10, 3), of: Self.version) == Array("abc".utf8))
  }

  @Test func `a new version is told, whether or not the server heeds the condition`() async throws {
    var changed = Self.object
    changed.entityTag = #""v2""#
    let strict = try ScriptedServer { [changed] in changed.reply(to: $0) }
    let origin = try OriginFixture(strict.address).origin
    #expect(
      await code { () async throws(OriginError) in
        _ = try await origin.read(range(0, 9), of: Self.version)
      } == .changed(nil))

    let careless = try ScriptedServer { _ in
      .init(
        206, ["ETag": #""v2""#, "Content-Range": "bytes 0-8/1000"],
        body: [UInt8](repeating: 0, count: 9))
    }
    let other = try OriginFixture(careless.address).origin
    let now = ObjectVersion(byteCount: 1000, entityTag: #""v2""#)
    #expect(
      await code { () async throws(OriginError) in
        _ = try await other.read(range(0, 9), of: Self.version)
      } == .changed(now))
  }

  @Test func `a change between two halves of one read is noticed`() async throws {
    let server = try ScriptedServer { request in
      var object = Self.object
      guard request.index == 0 else {
        object.entityTag = #""v2""#
        object.bytes.reverse()
        return object.reply(to: request.without("if-match"))
      }
      return .init(Array(object.reply(to: request).bytes.dropLast(400)), .close)
    }
    let origin = try OriginFixture(server.address).origin
    #expect(
      await code { () async throws(OriginError) in
        _ = try await origin.read(range(0, 1000), of: Self.version)
      } == .changed(ObjectVersion(byteCount: 1000, entityTag: #""v2""#)))
  }

  @Test func `another total length is another version`() async throws {
    let server = try ScriptedServer { _ in
      .init(
        206, ["ETag": #""v1""#, "Content-Range": "bytes 0-8/1001"],
        body: [UInt8](repeating: 0, count: 9))
    }
    let origin = try OriginFixture(server.address).origin
    #expect(
      await code { () async throws(OriginError) in
        _ = try await origin.read(range(0, 9), of: Self.version)
      } == .changed(ObjectVersion(byteCount: 1001, entityTag: #""v1""#)))
  }

  @Test func `weak tags and dates are compared, and never sent as a strong condition`()
    async throws
  {
    var object = Self.object
    object.entityTag = #"W/"v1""#
    object.lastModified = "Sun, 06 Nov 1994 08:49:37 GMT"
    let server = try ScriptedServer { [object] request in
      var now = object
      if request.index >= 2 { now.lastModified = "Mon, 07 Nov 1994 08:49:37 GMT" }
      return now.reply(to: request)
    }
    let origin = try OriginFixture(server.address).origin
    let version = try await origin.version()
    #expect(try await origin.read(range(0, 5), of: version) == Array(object.bytes[..<5]))
    #expect(server.requests[1].fields["if-match"] == nil)
    #expect(server.requests[1].fields["if-unmodified-since"] == object.lastModified)
    let error = await code { () async throws(OriginError) in
      _ = try await origin.read(range(0, 5), of: version)
    }
    #expect(
      error
        == .changed(
          ObjectVersion(
            byteCount: 1000, entityTag: #"W/"v1""#, lastModified: "Mon, 07 Nov 1994 08:49:37 GMT")))
  }

  @Test func `a validator that is left out is no proof`() async throws {
    var object = Self.object
    object.entityTag = nil
    let server = try ScriptedServer { [object] request in
      object.reply(to: request.without("if-match"))
    }
    let origin = try OriginFixture(server.address).origin
    #expect(
      await code { () async throws(OriginError) in
        _ = try await origin.read(range(0, 9), of: Self.version)
      } == .malformed)
    let bare = try await origin.version()
    #expect(!bare.hasValidator)
    #expect(try await origin.read(range(0, 9), of: bare) == Array(object.bytes[..<9]))
  }

  @Test func `encoded bodies are refused`() async throws {
    let server = try ScriptedServer { _ in
      .init(206, ["Content-Range": "bytes 0-0/9", "Content-Encoding": "gzip"], body: [1])
    }
    let origin = try OriginFixture(server.address).origin
    #expect(
      await code { () async throws(OriginError) in _ = try await origin.version() } == .unsupported)
  }

  @Test(
    arguments: [
      (404, .notFound), (410, .notFound), (401, .forbidden), (403, .forbidden),
      (400, .unsupported), (304, .malformed), (302, .malformed),
    ] as [(Int, OriginError.Code)])
  func `a final status ends the operation at once`(status: Int, expected: OriginError.Code)
    async throws
  {
    let server = try ScriptedServer { _ in
      .init(status, body: status == 304 ? [] : Array("no".utf8))
    }
    let origin = try OriginFixture("http://me:secret@127.0.0.1:\(server.port)").origin
    for attempt in 1...2 {
      let error = await #expect(throws: OriginError.self) {
        try await origin.read(range(0, 9), of: Self.version)
      }
      #expect(error?.code == expected)
      #expect(error?.message.hasPrefix("\(server.address)/image: ") == true)
      #expect(error?.message.contains("secret") == false)
      #expect(server.requests.count == attempt)
    }
    #expect(server.requests[0].fields["authorization"] == "Basic bWU6c2VjcmV0")
    #expect(server.requests[1].connection == 0, "an error's connection is used again")
  }

  @Test(arguments: [408, 429, 500, 503]) func `a passing trouble is retried with back-off`(
    status: Int
  )
    async throws
  {
    let server = try ScriptedServer { request in
      request.index < 3 ? .init(status) : Self.object.reply(to: request)
    }
    let fixture = try OriginFixture(server.address)
    #expect(try await fixture.origin.read(range(3, 1), of: Self.version) == [3])
    #expect(fixture.clock.sleeps == [100_000_000, 200_000_000, 400_000_000])
    #expect(fixture.origin.statistics.requests == 4)
    #expect(fixture.origin.statistics.retries == 3)
    #expect(fixture.origin.statistics.failures == 0)
  }

  @Test func `Retry-After is waited for`() async throws {
    let server = try ScriptedServer { request in
      request.index == 0 ? .init(429, ["Retry-After": "7"]) : Self.object.reply(to: request)
    }
    let fixture = try OriginFixture(server.address)
    #expect(try await fixture.origin.read(range(3, 1), of: Self.version) == [3])
    #expect(fixture.clock.sleeps == [7_000_000_000])
  }

  @Test func `attempts are bounded, and the next operation does not wait again`() async throws {
    let server = try ScriptedServer { request in
      request.index < 7 ? .init(503) : Self.object.reply(to: request)
    }
    let fixture = try OriginFixture(server.address)
    let read = { () async throws(OriginError) in
      _ = try await fixture.origin.read(range(0, 9), of: Self.version)
    }
    #expect(await code(of: read) == .unavailable)
    #expect(server.requests.count == 6)
    #expect(await code(of: read) == .unavailable)
    #expect(server.requests.count == 7)
    #expect(fixture.clock.sleeps.count == 5)
    #expect(await code(of: read) == nil)
    #expect(fixture.origin.statistics.failures == 2)
  }

  @Test func `an origin that is down is patient again after a moment`() async throws {
    let server = try ScriptedServer { _ in .init(503) }
    let fixture = try OriginFixture(server.address)
    _ = await code { () async throws(OriginError) in _ = try await fixture.origin.version() }
    #expect(server.requests.count == 3)
    fixture.clock.advance(by: 6_000_000_000)
    _ = await code { () async throws(OriginError) in _ = try await fixture.origin.version() }
    #expect(server.requests.count == 6)
  }

  @Test func `a refused connection is told as such`() async throws {
    let origin = try OriginFixture("http://127.0.0.1:\(try freeLoopbackPort())").origin
    let error = await #expect(throws: OriginError.self) { try await origin.version() }
    #expect(error?.code == .unavailable)
    #expect(error?.message.contains("onnection refused") == true)
    #expect(error?.message.contains("after 3 attempts") == true)
    #expect(origin.statistics.requests == 0)
  }

  @Test func `a server that never answers is given up on`() async throws {
    let server = try ScriptedServer { _ in .init([], .hang) }
    let origin = try OriginFixture(server.address, readTimeout: .milliseconds(50)).origin
    let error = await #expect(throws: OriginError.self) { try await origin.version() }
    #expect(error?.code == .unavailable)
    #expect(error?.message.contains("stopped answering") == true)
    #expect(server.requests.count == 3)
  }

  @Test func `a server that stops in the middle is asked for the rest`() async throws {
    let server = try ScriptedServer { request in
      let reply = Self.object.reply(to: request)
      return request.index == 0 ? .init(Array(reply.bytes.dropLast(300)), .hang) : reply
    }
    let origin = try OriginFixture(server.address, readTimeout: .milliseconds(50)).origin
    #expect(try await origin.read(range(0, 1000), of: Self.version) == Self.object.bytes)
    #expect(server.requests[1].fields["range"] == "bytes=700-999")
  }

  @Test func `a cancelled task ends at once`() async throws {
    let server = try ScriptedServer { _ in .init([], .hang) }
    let origin = try OriginFixture(server.address, readTimeout: .seconds(30)).origin
    let task = Task { try await origin.version() }
    #expect(await eventually { server.requests.count == 1 })
    task.cancel()
    let error = await #expect(throws: OriginError.self) { try await task.value }
    #expect(error?.code == .unavailable)
    #expect(origin.statistics.failures == 0)
  }

  @Test func `a redirect is followed, remembered, and asked for again when it fails`() async throws
  {
    let target = try ScriptedServer { request in
      request.index == 2 ? .init(403) : Self.object.reply(to: request)
    }
    let server = try ScriptedServer { _ in
      .init(302, ["Location": "\(target.address)/elsewhere?token=1"], body: Array("moved".utf8))
    }
    let fixture = try OriginFixture("http://me:secret@127.0.0.1:\(server.port)")
    let version = try await fixture.origin.version()
    #expect(server.requests.count == 1)
    #expect(try await fixture.origin.read(range(3, 1), of: version) == [3])
    #expect(server.requests.count == 1)
    #expect(target.requests.count == 2)
    #expect(try await fixture.origin.read(range(4, 1), of: version) == [4])
    #expect(server.requests.count == 2)
    #expect(target.requests.count == 4)
    #expect(target.requests.allSatisfy { $0.fields["authorization"] == nil })
    #expect(target.requests.allSatisfy { $0.target == "/elsewhere?token=1" })
    #expect(fixture.origin.statistics.requests == 6)
    #expect(fixture.origin.name == "\(server.address)/image")
  }

  @Test func `redirects are bounded`() async throws {
    let server = try ScriptedServer { .init(307, ["Location": "/\($0.index)"]) }
    let origin = try OriginFixture(server.address).origin
    #expect(
      await code { () async throws(OriginError) in _ = try await origin.version() } == .malformed)
    #expect(server.requests.count == 6)
  }

  @Test(
    arguments: [
      (416, ["Content-Range": "bytes */0"]), (200, ["ETag": #""v1""#]),
    ] as [(Int, [String: String])])
  func `an empty object has a version`(status: Int, fields: [String: String]) async throws {
    let server = try ScriptedServer { _ in .init(status, fields) }
    let origin = try OriginFixture(server.address).origin
    let version = try await origin.version()
    #expect(version.byteCount == 0)
    #expect(try await origin.read(range(0, 0), of: version) == [])
  }

  @Test func `bytes beyond the object are not asked for`() async throws {
    let server = try ScriptedServer { Self.object.reply(to: $0) }
    let origin = try OriginFixture(server.address).origin
    #expect(
      await code { () async throws(OriginError) in
        _ = try await origin.read(range(999, 2), of: Self.version)
      } == .malformed)
    #expect(server.requests.isEmpty)
  }

  @Test func `no more requests are under way to one host than allowed`() async throws {
    let server = try ScriptedServer { Self.object.reply(to: $0) }
    let origin = try OriginFixture(server.address, requestsPerHost: 3).origin
    await withTaskGroup(of: Bool.self) { group in
      for index in 0..<100 {
        group.addTask {
          let bytes = try? await origin.read(range(UInt64(index), 1), of: Self.version)
          return bytes == [UInt8(index)]
        }
      }
      for await isRight in group { #expect(isRight) }
    }
    #expect(Set(server.requests.map(\.connection)).count <= 4)
    #expect(origin.statistics.requests == 100)
  }

  @Test func `a waiter for a turn can be cancelled without losing the turn`() async throws {
    let server = try ScriptedServer { request in
      request.target == "/slow" ? .init([], .hang) : Self.object.reply(to: request)
    }
    let slow = try OriginFixture(
      server.address, readTimeout: .seconds(30), requestsPerHost: 1, path: "/slow"
    ).origin
    let first = Task { try await slow.version() }
    #expect(await eventually { server.requests.count == 1 })
    let second = Task { try await slow.version() }
    second.cancel()
    await #expect(throws: OriginError.self) { try await second.value }
    first.cancel()
    await #expect(throws: OriginError.self) { try await first.value }
    let third = Task { try await slow.version() }
    #expect(await eventually { server.requests.count == 2 })
    third.cancel()
    _ = await third.result
  }
}
