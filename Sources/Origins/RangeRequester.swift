internal import AsyncHTTPClient
internal import Bytes
internal import Linux
internal import NIOCore
internal import NIOHTTP1
internal import ReadPath

/// What makes a server refuse a range of another version than the one meant.
enum RequestCondition: Sendable {
  case none
  /// If-Match, with a strong entity tag.
  case match(String)
  /// If-Unmodified-Since: the best there is without a strong tag.
  case unmodifiedSince(String)

  init(_ version: ObjectVersion) {
    if let tag = version.strongEntityTag {
      self = .match(tag)
    } else if let date = version.lastModified {
      self = .unmodifiedSince(date)
    } else {
      self = .none
    }
  }
}

/// Sends range requests for one object, follows redirects, and hands checked bodies on.
///
/// Where a redirect led is remembered for later reads, and forgotten as soon as that place fails:
/// signed addresses expire, and the origin knows a new one.
final class RangeRequester: Sendable {
  /// The most redirects in a row that are followed.
  private static let redirectCountMax = 5
  /// How much of an error's body is read so that its connection can be used again.
  private static let drainedByteCountMax = 65_536

  private let location: HTTPLocation
  private let check: ResponseCheck
  private let counters: OriginCounters
  private let timer: RetryTimer
  private let connections: HTTPConnections
  private let redirected = Lock<HTTPLocation?>(nil)

  init(
    _ location: HTTPLocation, check: ResponseCheck, counters: OriginCounters, timer: RetryTimer,
    connections: HTTPConnections
  ) {
    self.location = location
    self.check = check
    self.counters = counters
    self.timer = timer
    self.connections = connections
  }

  /// Asks once for `range`, redirects included.
  ///
  /// - Parameters:
  ///   - afresh: whether to ask the origin itself and not where it sent us before.
  ///   - deadline: when the exchange must be over, on the timer's clock.
  ///   - judge: looks at the head; throws to refuse the answer, or tells whether a body of
  ///     `range` follows, of which no byte beyond the range is passed on.
  ///   - body: takes the body piece by piece.
  func request(
    _ range: ByteRange, condition: RequestCondition, afresh: Bool, deadline: UInt64,
    judge: (ResponseHead) throws(AttemptFailure) -> Bool, body: (ByteBufferView) -> Void
  ) async throws(AttemptFailure) {
    if !afresh, let place = redirected.withLock({ $0 }) {
      do throws(AttemptFailure) {
        return try await request(
          range, from: place, condition: condition, deadline: deadline, judge: judge, body: body)
      } catch {
        redirected.withLock { $0 = nil }
        guard case .final(let failure) = error, failure.mayHaveMoved else { throw error }
      }
    }
    return try await request(
      range, from: location, condition: condition, deadline: deadline, judge: judge, body: body)
  }

  private func request(
    _ range: ByteRange, from start: HTTPLocation, condition: RequestCondition, deadline: UInt64,
    judge: (ResponseHead) throws(AttemptFailure) -> Bool, body: (ByteBufferView) -> Void
  ) async throws(AttemptFailure) {
    var place = start
    for _ in 0...Self.redirectCountMax {
      let slots = connections.slots(for: place.origin)
      guard await slots.acquire() else { throw .cancelled }
      defer { slots.release() }
      let (head, response) = try await send(
        range, to: place, condition: condition, deadline: deadline)
      guard head.isRedirect else {
        let hasBody: Bool
        do throws(AttemptFailure) {
          hasBody = try judge(head)
        } catch {
          // A body of the whole object is cut off; that of an error is short.
          if head.status >= 300 { await drain(response, deadline: deadline) }
          throw error
        }
        if hasBody {
          try await collect(response, byteCount: range.byteCount, deadline: deadline, body)
        } else {
          await drain(response, deadline: deadline)
        }
        if place != start { redirected.withLock { $0 = place } }
        return
      }
      await drain(response, deadline: deadline)
      guard let next = head.location.flatMap({ place.following($0) }) else {
        throw check.verdict(
          .malformed, "status \(head.status) leads nowhere that Cullet goes; check the address")
      }
      place = next
    }
    throw check.verdict(
      .malformed, "more than \(Self.redirectCountMax) redirects; check the address")
  }

  private func send(
    _ range: ByteRange, to place: HTTPLocation, condition: RequestCondition, deadline: UInt64
  ) async throws(AttemptFailure) -> (ResponseHead, HTTPClientResponse) {
    var request = HTTPClientRequest(url: place.name)
    request.headers.add(name: "Range", value: "bytes=\(range.offset)-\(range.end - 1)")
    request.headers.add(name: "Accept-Encoding", value: "identity")
    request.headers.add(name: "User-Agent", value: "cullet")
    switch condition {
    case .none: break
    case .match(let tag): request.headers.add(name: "If-Match", value: tag)
    case .unmodifiedSince(let date): request.headers.add(name: "If-Unmodified-Since", value: date)
    }
    if let credentials = place.credentials {
      request.setBasicAuth(username: credentials.user, password: credentials.password)
    }
    let now = timer.now()
    guard now < deadline else { throw .transient(reason: "the answer took too long") }
    let left = Int64(clamping: deadline - now)
    let response: HTTPClientResponse
    do {
      response = try await connections.client.execute(
        request, deadline: .now() + .nanoseconds(left))
    } catch {
      throw check.failure(for: error)
    }
    counters.countResponse()
    return (ResponseHead(response), response)
  }

  /// Passes the body on; a body that ends early is the caller's to see.
  private func collect(
    _ response: HTTPClientResponse, byteCount: UInt64, deadline: UInt64,
    _ body: (ByteBufferView) -> Void
  ) async throws(AttemptFailure) {
    var left = byteCount
    var pieces = response.body.makeAsyncIterator()
    while true {
      let piece: ByteBuffer?
      do {
        piece = try await pieces.next()
      } catch {
        throw check.failure(for: error)
      }
      guard let piece else { return }
      counters.count(bytes: piece.readableBytes)
      guard UInt64(piece.readableBytes) <= left else {
        throw check.verdict(.malformed, "the origin sent more bytes than it announced")
      }
      left -= UInt64(piece.readableBytes)
      body(piece.readableBytesView)
      guard left == 0 || timer.now() < deadline else {
        throw .transient(reason: "the answer took too long")
      }
    }
  }

  /// Reads the rest of a short body, so that the connection is kept; gives up on a long one.
  private func drain(_ response: HTTPClientResponse, deadline: UInt64) async {
    var drained = 0
    var pieces = response.body.makeAsyncIterator()
    while drained <= Self.drainedByteCountMax, timer.now() < deadline,
      let piece = try? await pieces.next()
    {
      drained += piece.readableBytes
      counters.count(bytes: piece.readableBytes)
    }
  }
}

extension ResponseHead {
  init(_ response: HTTPClientResponse) {
    self.init(status: Int(response.status.code))
    contentRange = response.headers.first(name: "Content-Range")
    contentLength = response.headers.first(name: "Content-Length")
    contentEncoding = response.headers.first(name: "Content-Encoding")
    entityTag = response.headers.first(name: "ETag")
    lastModified = response.headers.first(name: "Last-Modified")
    retryAfter = response.headers.first(name: "Retry-After")
    location = response.headers.first(name: "Location")
  }
}

extension OriginError {
  /// Whether a redirect's target may fail like this while the origin has a better one.
  fileprivate var mayHaveMoved: Bool {
    switch code {
    case .notFound, .forbidden, .unsupported: true
    case .unavailable, .changed, .malformed: false
    }
  }
}
