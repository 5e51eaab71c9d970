internal import AsyncHTTPClient
internal import Linux
internal import NIOCore

/// The connections that HTTP origins share: kept alive, reused, and few per host.
package final class HTTPConnections: Sendable {
  /// Bounds on what the network may take; the defaults suit origins across a continent.
  package struct Limits: Sendable {
    package var connectTimeout: Duration = .seconds(3)
    /// The longest silence in the middle of an exchange.
    package var readTimeout: Duration = .seconds(10)
    /// As long as servers commonly keep an idle connection, less a margin for the race.
    package var idleTimeout: Duration = .seconds(50)
    /// Enough to fill a long fat pipe; more would only crowd others out at the origin.
    package var requestsPerHost = 8

    package init() {}
  }

  /// The process's own; never shut down.
  package static let shared = HTTPConnections()

  let client: HTTPClient
  private let requestsPerHost: Int
  private let slots = Lock<[String: RequestSlots]>([:])

  package init(limits: Limits = Limits()) {
    var configuration = HTTPClient.Configuration()
    configuration.timeout.connect = .nanoseconds(Int64(limits.connectTimeout.wholeNanoseconds))
    configuration.timeout.read = .nanoseconds(Int64(limits.readTimeout.wholeNanoseconds))
    configuration.connectionPool.idleTimeout = .nanoseconds(
      Int64(limits.idleTimeout.wholeNanoseconds))
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit =
      limits.requestsPerHost
    // Retries, redirects and decoding are decided where the object's version is known.
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.redirectConfiguration = .disallow
    configuration.decompression = .disabled
    // Parallel range reads over one HTTP/2 connection share one congestion window.
    configuration.httpVersion = .http1Only
    client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    requestsPerHost = limits.requestsPerHost
  }

  /// Closes every connection; nothing may use this object afterwards.
  ///
  /// Only for those that are not ``shared``.
  package func shutDown() async throws {
    try await client.shutdown()
  }

  /// The turn-taking for one ``HTTPLocation/origin``.
  func slots(for origin: String) -> RequestSlots {
    slots.withLock { slots in
      if let known = slots[origin] { return known }
      let new = RequestSlots(count: requestsPerHost)
      slots[origin] = new
      return new
    }
  }
}
