import Bytes
import Codecs
import Foundation
import Origins
import ReadPath
import TestSupport
import Testing

/// What pulling from a registry does, against one that answers as it is told.
@Suite(.timeLimit(.minutes(5))) struct RegistryClientTests {
  private static let manifest = Array(#"{"layers": []}"#.utf8)
  private static let blob = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
  private static let blobDigest = digest(of: blob)

  private static func digest(of bytes: [UInt8]) -> String {
    var hash = SHA256()
    hash.update(bytes.rawSpan)
    return "sha256:\(hash.finish().hex)"
  }

  /// A registry that lets everybody in.
  private static func reply(to request: ScriptedServer.Request) -> ScriptedServer.Reply {
    switch request.target {
    case "/v2/some/image/manifests/v1", "/v2/some/image/manifests/\(digest(of: manifest))":
      .init(200, body: manifest)
    case "/v2/some/image/blobs/\(blobDigest)": .init(200, body: blob)
    default: .init(404)
    }
  }

  private func client(
    _ server: ScriptedServer, user: String = "", target: String = ":v1"
  ) throws -> RegistryClient {
    let text = "oci://\(user)127.0.0.1:\(server.port)/some/image\(target)"
    return RegistryClient(try RegistryReference(parsing: text), timer: ManualClock().timer)
  }

  private func blob(of client: RegistryClient, byteCount: Int = blob.count) async throws -> [UInt8]
  {
    let digest = try #require(BlobDigest(parsing: Self.blobDigest))
    let bytes = Collected()
    try await client.blob(digest, byteCount: UInt64(byteCount)) { bytes.append($0) }
    return bytes.all
  }

  @Test func `a manifest comes by its tag or its digest, a blob by its digest`() async throws {
    let server = try ScriptedServer { Self.reply(to: $0) }
    let client = try client(server)
    #expect(try await client.manifest() == Self.manifest)
    let digest = BlobDigest(parsing: Self.digest(of: Self.manifest))
    #expect(try await client.manifest(digest) == Self.manifest)
    let found = difference(try await blob(of: client), Self.blob)
    #expect(found == nil)
    #expect(server.requests[0].fields["accept"]?.contains("oci.image.manifest.v1+json") == true)
  }

  @Test func `what is not there, and what is something else, are errors`() async throws {
    let server = try ScriptedServer { request in
      request.target.contains("blobs")
        ? .init(200, body: [UInt8](Self.blob.reversed())) : Self.reply(to: request)
    }
    let missing = try client(server, target: ":v2")
    #expect(await code { _ = try await missing.manifest() } == .notFound)
    let client = try client(server)
    #expect(await code { _ = try await blob(of: client) } == .malformed)
    #expect(await code { _ = try await blob(of: client, byteCount: 1000) } == .malformed)
    #expect(await code { _ = try await blob(of: client, byteCount: 200_000) } == .malformed)
  }

  @Test func `a token is fetched once, with the password, and used from then on`() async throws {
    let port = LatePort()
    let server = try ScriptedServer { request in
      if request.target.hasPrefix("/token?") {
        return .init(200, body: Array(#"{"token":"t0"}"#.utf8))
      }
      guard request.fields["authorization"] == "Bearer t0" else {
        let realm = "http://127.0.0.1:\(port.value)/token"
        return .init(401, ["WWW-Authenticate": #"Bearer realm="\#(realm)",service="here""#])
      }
      return Self.reply(to: request)
    }
    port.value = server.port
    let client = try client(server, user: "me:pass@")
    #expect(try await client.manifest() == Self.manifest)
    _ = try await blob(of: client)
    let tokens = server.requests.filter { $0.target.hasPrefix("/token") }
    #expect(tokens.map(\.target) == ["/token?service=here&scope=repository:some/image:pull"])
    #expect(tokens.first?.fields["authorization"] == "Basic bWU6cGFzcw==")
    #expect(server.requests.count == 4)
  }

  @Test func `a registry that wants a password gets it, and says so when there is none`()
    async throws
  {
    let server = try ScriptedServer { request in
      request.fields["authorization"] == "Basic bWU6cGFzcw=="
        ? Self.reply(to: request) : .init(401, ["WWW-Authenticate": "Basic realm=x"])
    }
    #expect(try await client(server, user: "me:pass@").manifest() == Self.manifest)
    let stranger = try client(server)
    #expect(await code { _ = try await stranger.manifest() } == .forbidden)
    let wrong = try client(server, user: "me:wrong@")
    #expect(await code { _ = try await wrong.manifest() } == .forbidden)
  }

  @Test func `a redirect is followed, and elsewhere nobody is told the password`() async throws {
    let storage = try ScriptedServer { _ in .init(200, body: Self.blob) }
    let server = try ScriptedServer { request in
      guard request.fields["authorization"] != nil else {
        return .init(401, ["WWW-Authenticate": "Basic realm=x"])
      }
      return .init(307, ["Location": "\(storage.address)/signed?x=1"])
    }
    let found = difference(try await blob(of: try client(server, user: "me:pass@")), Self.blob)
    #expect(found == nil)
    #expect(storage.requests.map(\.target) == ["/signed?x=1"])
    #expect(storage.requests.first?.fields["authorization"] == nil)
  }

  @Test(arguments: [true, false])
  func `a blob that is cut off goes on where it ended`(hasRanges: Bool) async throws {
    let server = try ScriptedServer { request in
      let whole = ScriptedServer.Reply(200, body: Self.blob)
      if request.index == 0 { return .init(Array(whole.bytes.dropLast(60_000)), .close) }
      if request.index == 1 { return .init(503) }
      guard hasRanges, let text = request.fields["range"]?.dropFirst(6).dropLast(),
        let first = Int(text)
      else { return whole }
      let field = "bytes \(first)-\(Self.blob.count - 1)/\(Self.blob.count)"
      return .init(206, ["Content-Range": field], body: Array(Self.blob[first...]))
    }
    let found = difference(try await blob(of: try client(server)), Self.blob)
    #expect(found == nil)
    let ranges = server.requests.map { $0.fields["range"] }
    #expect(ranges.count == 3 && ranges[0] == nil && ranges[1] == ranges[2])
    let first = ranges[1].flatMap { Int($0.dropFirst(6).dropLast()) }
    #expect(first.map { (1...40_000).contains($0) } == true)
  }

  @Test func `a registry that stays away is given up on`() async throws {
    let server = try ScriptedServer { _ in .init(503) }
    let client = try client(server)
    #expect(await code { _ = try await client.manifest() } == .unavailable)
    #expect(server.requests.count == RetryPolicy.read.attemptCountMax)
  }

  private func code(_ body: () async throws -> Void) async -> OriginError.Code? {
    do {
      try await body()
      return nil
    } catch {
      return (error as? OriginError)?.code
    }
  }
}

/// Bytes that arrive on other threads.
private final class Collected: @unchecked Sendable {
  private let lock = NSLock()
  private var bytes: [UInt8] = []

  func append(_ piece: [UInt8]) { lock.withLock { bytes += piece } }
  var all: [UInt8] { lock.withLock { bytes } }
}

/// A port that is known after the server's script is.
private final class LatePort: @unchecked Sendable {
  private let lock = NSLock()
  private var port: UInt16 = 0

  var value: UInt16 {
    get { lock.withLock { port } }
    set { lock.withLock { port = newValue } }
  }
}
