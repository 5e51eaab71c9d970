import Bytes
import Origins
import ReadPath
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct OriginRetryTests {
  @Test(arguments: [1, 7, 500, 999])
  func `a body cut short is completed by asking for the rest`(cut: Int) async throws {
    let server = try ScriptedServer { request in
      let reply = ScriptedObject.thousand.reply(to: request)
      guard request.index == 0 else { return reply }
      return .init(Array(reply.bytes.dropLast(1000 - cut)), .close)
    }
    let fixture = try OriginFixture(server.address)
    let bytes = try await fixture.origin.read(range(0, 1000), of: ScriptedObject.thousandVersion)
    #expect(bytes == ScriptedObject.thousand.bytes)
    #expect(server.requests[1].fields["range"] == "bytes=\(cut)-999")
    #expect(fixture.origin.statistics.retries == 1)
    #expect(fixture.clock.sleeps.count == 1)
  }

  @Test(arguments: [408, 429, 500, 503]) func `a passing trouble is retried with back-off`(
    status: Int
  )
    async throws
  {
    let server = try ScriptedServer { request in
      request.index < 3 ? .init(status) : ScriptedObject.thousand.reply(to: request)
    }
    let fixture = try OriginFixture(server.address)
    #expect(try await fixture.origin.read(range(3, 1), of: ScriptedObject.thousandVersion) == [3])
    #expect(fixture.clock.sleeps == [100_000_000, 200_000_000, 400_000_000])
    #expect(fixture.origin.statistics.requests == 4)
    #expect(fixture.origin.statistics.retries == 3)
    #expect(fixture.origin.statistics.failures == 0)
  }

  @Test func `Retry-After is waited for`() async throws {
    let server = try ScriptedServer { request in
      request.index == 0
        ? .init(429, ["Retry-After": "7"]) : ScriptedObject.thousand.reply(to: request)
    }
    let fixture = try OriginFixture(server.address)
    #expect(try await fixture.origin.read(range(3, 1), of: ScriptedObject.thousandVersion) == [3])
    #expect(fixture.clock.sleeps == [7_000_000_000])
  }

  @Test func `attempts are bounded, and the next operation does not wait again`() async throws {
    let server = try ScriptedServer { request in
      request.index < 7 ? .init(503) : ScriptedObject.thousand.reply(to: request)
    }
    let fixture = try OriginFixture(server.address)
    let read = { () async throws(OriginError) in
      _ = try await fixture.origin.read(range(0, 9), of: ScriptedObject.thousandVersion)
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
    let origin = try OriginFixture(server.address, readTimeout: .milliseconds(500)).origin
    let error = await #expect(throws: OriginError.self) { try await origin.version() }
    #expect(error?.code == .unavailable)
    #expect(error?.message.contains("stopped answering") == true)
    #expect(await eventually { server.requests.count == 3 })
  }

  @Test func `a server that stops in the middle is asked for the rest`() async throws {
    let server = try ScriptedServer { request in
      let reply = ScriptedObject.thousand.reply(to: request)
      return request.index == 0 ? .init(Array(reply.bytes.dropLast(300)), .hang) : reply
    }
    let origin = try OriginFixture(server.address, readTimeout: .seconds(3)).origin
    #expect(
      try await origin.read(range(0, 1000), of: ScriptedObject.thousandVersion)
        == ScriptedObject.thousand.bytes)
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
}
