internal import AsyncHTTPClient
internal import Bytes
internal import Codecs
internal import FoundationEssentials
internal import HTTPSyntax
internal import Linux
internal import NIOCore
internal import NIOHTTP1
package import ReadPath

/// One repository of an OCI registry: its manifests and blobs, each proven by its digest.
///
/// Pulls as the OCI distribution specification has it. A blob that is cut off goes on where it
/// ended; no byte counts before all of it has the digest that was asked for. Thread-safe.
package final class RegistryClient: Sendable {
  /// Manifests are text of a few KiB; registries refuse more than this.
  private static let manifestByteCountMax: UInt64 = 4 << 20
  private static let redirectCountMax = 5
  /// The kinds of manifest that lead to layers.
  private static let manifestTypes = [
    "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
  ].joined(separator: ", ")

  package let reference: RegistryReference
  private let policy: RetryPolicy
  private let timer: RetryTimer
  private let connections: HTTPConnections
  private let check: ResponseCheck
  /// The Authorization field that the registry was last content with.
  private let authorization = Lock<String?>(nil)

  package init(
    _ reference: RegistryReference, policy: RetryPolicy = .read, timer: RetryTimer = .system,
    connections: HTTPConnections = .shared
  ) {
    self.reference = reference
    self.policy = policy
    self.timer = timer
    self.connections = connections
    check = ResponseCheck(subject: reference.name)
  }

  /// The manifest called `name`: a digest, or the tag or digest of the reference when nil.
  package func manifest(_ name: BlobDigest? = nil) async throws(OriginError) -> [UInt8] {
    let target = name?.text ?? reference.target
    let bytes = Lock<[UInt8]>([])
    try await get(
      reference.manifest(target), proof: BlobDigest(parsing: target),
      byteCountMax: Self.manifestByteCountMax
    ) { piece in
      bytes.withLock { $0 += piece }
    }
    return bytes.withLock { $0 }
  }

  /// Hands the blob to `sink`, piece by piece and in order; it has `byteCount` bytes.
  ///
  /// What `sink` throws ends the transfer and is thrown.
  package func blob(
    _ digest: BlobDigest, byteCount: UInt64, _ sink: @Sendable ([UInt8]) throws(OriginError) -> Void
  ) async throws(OriginError) {
    let received = try await get(
      reference.blob(digest), proof: digest, byteCountMax: byteCount, sink)
    guard received == byteCount else {
      throw OriginError(
        .malformed, "\(reference.name): \(digest.text) has \(received) bytes, not \(byteCount)")
    }
  }

  /// Gets all of `place`, with as many attempts as `policy` allows between two that bring bytes;
  /// returns how many bytes there were.
  @discardableResult
  private func get(
    _ place: HTTPLocation?, proof: BlobDigest?, byteCountMax: UInt64,
    _ sink: @Sendable ([UInt8]) throws(OriginError) -> Void
  ) async throws(OriginError) -> UInt64 {
    guard let place else {
      throw OriginError(.malformed, "\(reference.name) leads nowhere")
    }
    var hash = SHA256()
    var received: UInt64 = 0
    var state = RetryState(policy, timer: timer)
    while true {
      let before = received
      do throws(AttemptFailure) {
        try await attempt(place, from: received) { piece throws(AttemptFailure) in
          guard UInt64(piece.count) <= byteCountMax - received else {
            throw check.verdict(.malformed, "more than \(byteCountMax) bytes came")
          }
          do throws(OriginError) { try sink(piece) } catch { throw .final(error) }
          hash.update(piece.rawSpan)
          received += UInt64(piece.count)
        }
        break
      } catch {
        if received > before { state = RetryState(policy, timer: timer) }
        try await pause(after: error, &state)
      }
    }
    if let proof, "sha256:\(hash.finish().hex)" != proof.text {
      throw OriginError(
        .malformed, "\(reference.name): what the registry sent as \(proof.text) is something else")
    }
    return received
  }

  private func pause(
    after failure: AttemptFailure, _ state: inout RetryState
  ) async throws(OriginError) {
    guard case .transient(let reason, let wish) = failure else {
      if case .final(let error) = failure { throw error }
      throw OriginError(.unavailable, "\(reference.name): cancelled")
    }
    guard let delay = state.delayAfterFailure(retryAfter: wish) else {
      throw OriginError(
        .unavailable,
        "\(reference.name): \(reason) after \(state.failureCount) attempts; check that the registry "
          + "is up and try again")
    }
    do {
      try await timer.sleep(delay)
    } catch {
      throw OriginError(.unavailable, "\(reference.name): cancelled")
    }
  }
}

// One attempt.
extension RegistryClient {
  /// Asks once for the bytes from `offset` on, redirects and authentication included.
  private func attempt(
    _ start: HTTPLocation, from offset: UInt64,
    _ body: ([UInt8]) throws(AttemptFailure) -> Void
  ) async throws(AttemptFailure) {
    var place = start
    var hasAuthenticated = false
    for _ in 0...Self.redirectCountMax {
      var request = HTTPClientRequest(url: place.name)
      request.headers.add(name: "Accept", value: "\(Self.manifestTypes), */*")
      request.headers.add(name: "Accept-Encoding", value: "identity")
      if offset > 0 { request.headers.add(name: "Range", value: "bytes=\(offset)-") }
      if place.origin == reference.base.origin, let field = authorization.withLock({ $0 }) {
        request.headers.add(name: "Authorization", value: field)
      }
      let slots = connections.slots(for: place.origin)
      guard await slots.acquire() else { throw .cancelled }
      defer { slots.release() }
      let response = try await send(request)
      let head = ResponseHead(response)
      if head.isRedirect {
        guard let next = head.location.flatMap({ place.following($0) }) else {
          throw check.verdict(.malformed, "a redirect leads nowhere that Cullet goes")
        }
        place = next
        continue
      }
      if head.status == 401, !hasAuthenticated {
        try await authenticate(response.headers["WWW-Authenticate"])
        hasAuthenticated = true
        continue
      }
      let skipped = try skippedByteCount(head.status, response.headers, from: offset)
      guard let skipped else { throw check.failure(head) }
      return try await deliver(response, skipping: skipped, body)
    }
    throw check.verdict(.malformed, "more than \(Self.redirectCountMax) redirects")
  }

  /// How many bytes come that are there already; nil when the answer is a failure.
  private func skippedByteCount(
    _ status: Int, _ headers: HTTPHeaders, from offset: UInt64
  ) throws(AttemptFailure) -> UInt64? {
    switch status {
    case 200: return offset
    case 206:
      let range = headers.first(name: "Content-Range").flatMap(ContentRange.init(parsing:))
      guard case .part(let range, _)? = range, range.offset == offset else {
        throw check.verdict(.malformed, "the registry sent another part than was asked for")
      }
      return 0
    default: return nil
    }
  }

  private func send(
    _ request: HTTPClientRequest
  ) async throws(AttemptFailure) -> HTTPClientResponse {
    var request = request
    request.headers.add(name: "User-Agent", value: "cullet")
    do {
      return try await connections.client.execute(request, deadline: .distantFuture)
    } catch {
      throw check.failure(for: error)
    }
  }

  /// Passes the body on but for its first bytes; one that ends early is a failure of the client's.
  private func deliver(
    _ response: HTTPClientResponse, skipping skipped: UInt64,
    _ body: ([UInt8]) throws(AttemptFailure) -> Void
  ) async throws(AttemptFailure) {
    var skipped = skipped
    var pieces = response.body.makeAsyncIterator()
    while true {
      let piece: ByteBuffer?
      do {
        piece = try await pieces.next()
      } catch {
        throw check.failure(for: error)
      }
      guard let piece else { return }
      let dropped = min(skipped, UInt64(piece.readableBytes))
      skipped -= dropped
      guard dropped < UInt64(piece.readableBytes) else { continue }
      try body(Array(piece.readableBytesView.dropFirst(Int(dropped))))
    }
  }
}

// Authentication.
extension RegistryClient {
  private struct Token: Decodable {
    enum CodingKeys: String, CodingKey {
      case token
      case accessToken = "access_token"
    }

    var token: String?
    var accessToken: String?
  }

  /// Meets the first of the challenges that can be met.
  private func authenticate(_ fields: [String]) async throws(AttemptFailure) {
    let credentials = reference.base.credentials
    for challenge in fields.compactMap(RegistryChallenge.init(parsing:)) {
      switch challenge {
      case .basic:
        guard let credentials else { continue }
        authorization.withLock { $0 = credentials.basicField }
        return
      case .bearer:
        let scope = "repository:\(reference.repository):pull"
        // A token goes over the wire as safely as the registry itself is asked, or not at all.
        guard let place = challenge.tokenLocation(defaultScope: scope),
          place.isSecure || !reference.base.isSecure
        else { continue }
        let token = try await token(at: place, credentials)
        authorization.withLock { $0 = "Bearer \(token)" }
        return
      }
    }
    throw check.verdict(
      .forbidden,
      "the registry wants a user and password; give them as oci://user:password@host/…")
  }

  private func token(
    at place: HTTPLocation, _ credentials: HTTPLocation.Credentials?
  ) async throws(AttemptFailure) -> String {
    var request = HTTPClientRequest(url: place.name)
    if let credentials {
      request.headers.add(name: "Authorization", value: credentials.basicField)
    }
    let response = try await send(request)
    let status = Int(response.status.code)
    guard status == 200 else { throw check.failure(ResponseHead(status: status)) }
    let body: ByteBuffer
    do {
      body = try await response.body.collect(upTo: Int(Self.manifestByteCountMax))
    } catch {
      throw check.failure(for: error)
    }
    let document = try? JSONDecoder().decode(Token.self, from: Data(body.readableBytesView))
    guard let token = document?.token ?? document?.accessToken,
      token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else { throw check.verdict(.malformed, "the registry's authority gave no token") }
    return token
  }
}

extension HTTPLocation.Credentials {
  /// The value of an Authorization field (RFC 7617).
  fileprivate var basicField: String {
    "Basic " + Data("\(user):\(password)".utf8).base64EncodedString()
  }
}
