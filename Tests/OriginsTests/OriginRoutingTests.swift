import Bytes
import Origins
import ReadPath
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct OriginRoutingTests {
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
        try await origin.read(range(0, 9), of: ScriptedObject.thousandVersion)
      }
      #expect(error?.code == expected)
      #expect(error?.message.hasPrefix("\(server.address)/image: ") == true)
      #expect(error?.message.contains("secret") == false)
      #expect(server.requests.count == attempt)
    }
    #expect(server.requests[0].fields["authorization"] == "Basic bWU6c2VjcmV0")
    #expect(server.requests[1].connection == 0, "an error's connection is used again")
  }

  @Test func `a redirect is followed, remembered, and asked for again when it fails`() async throws
  {
    let target = try ScriptedServer { request in
      request.index == 2 ? .init(403) : ScriptedObject.thousand.reply(to: request)
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

  @Test func `no more requests are under way to one host than allowed`() async throws {
    let server = try ScriptedServer { ScriptedObject.thousand.reply(to: $0) }
    let origin = try OriginFixture(server.address, requestsPerHost: 3).origin
    await withTaskGroup(of: Bool.self) { group in
      for index in 0..<100 {
        group.addTask {
          let bytes = try? await origin.read(
            range(UInt64(index), 1), of: ScriptedObject.thousandVersion)
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
      request.target == "/slow" ? .init([], .hang) : ScriptedObject.thousand.reply(to: request)
    }
    let slow = try OriginFixture(
      server.address, readTimeout: .seconds(30), requestsPerHost: 1, path: "/slow"
    ).origin
    let first = Task { try await slow.version() }
    #expect(await eventually { server.requests.count == 1 })
    let second = Task { try await slow.version() }
    // Long enough to be in the queue; a shorter wait would only test less.
    try await Task.sleep(for: .milliseconds(30))
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
