import Bytes
import Origins
import ReadPath
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct MisbehavingOriginTests {
  @Test func `one request tells the version, and a read is one request with its condition`()
    async throws
  {
    let server = try ScriptedServer { ScriptedObject.thousand.reply(to: $0) }
    let origin = try OriginFixture(server.address).origin
    let version = try await origin.version()
    #expect(version == ScriptedObject.thousandVersion)
    let bytes = try await origin.read(range(10, 20), of: version)
    #expect(bytes == Array(ScriptedObject.thousand.bytes[10..<30]))
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
        _ = try await origin.read(range(10, 20), of: ScriptedObject.thousandVersion)
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
        _ = try await origin.read(range(10, 20), of: ScriptedObject.thousandVersion)
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
        _ = try await origin.read(range(10, 20), of: ScriptedObject.thousandVersion)
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
    #expect(
      try await origin.read(range(10, 3), of: ScriptedObject.thousandVersion) == Array("abc".utf8))
  }

  @Test func `a new version is told, whether or not the server heeds the condition`() async throws {
    var changed = ScriptedObject.thousand
    changed.entityTag = #""v2""#
    let strict = try ScriptedServer { [changed] in changed.reply(to: $0) }
    let origin = try OriginFixture(strict.address).origin
    #expect(
      await code { () async throws(OriginError) in
        _ = try await origin.read(range(0, 9), of: ScriptedObject.thousandVersion)
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
        _ = try await other.read(range(0, 9), of: ScriptedObject.thousandVersion)
      } == .changed(now))
  }

  @Test func `a change between two halves of one read is noticed`() async throws {
    let server = try ScriptedServer { request in
      var object = ScriptedObject.thousand
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
        _ = try await origin.read(range(0, 1000), of: ScriptedObject.thousandVersion)
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
        _ = try await origin.read(range(0, 9), of: ScriptedObject.thousandVersion)
      } == .changed(ObjectVersion(byteCount: 1001, entityTag: #""v1""#)))
  }

  @Test func `weak tags and dates are compared, and never sent as a strong condition`()
    async throws
  {
    var object = ScriptedObject.thousand
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
    var object = ScriptedObject.thousand
    object.entityTag = nil
    let server = try ScriptedServer { [object] request in
      object.reply(to: request.without("if-match"))
    }
    let origin = try OriginFixture(server.address).origin
    #expect(
      await code { () async throws(OriginError) in
        _ = try await origin.read(range(0, 9), of: ScriptedObject.thousandVersion)
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
    let server = try ScriptedServer { ScriptedObject.thousand.reply(to: $0) }
    let origin = try OriginFixture(server.address).origin
    #expect(
      await code { () async throws(OriginError) in
        _ = try await origin.read(range(999, 2), of: ScriptedObject.thousandVersion)
      } == .malformed)
    #expect(server.requests.isEmpty)
  }
}
