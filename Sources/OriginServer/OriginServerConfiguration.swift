/// What an origin for trials serves, where, and how badly.
package struct OriginServerConfiguration: Sendable {
  /// Files, served by base name, and directories, whose files are served by relative path.
  package var paths: [String]
  /// The address to listen on; the default is reachable from this machine only.
  package var host = "127.0.0.1"
  /// The port to listen on; 0 lets the kernel choose.
  package var port: UInt16 = 0
  /// How long every answer is held back.
  package var latency: Duration = .zero
  /// The rate that all bodies share, or nil for no limit.
  package var bytesPerSecond: UInt64?
  /// The fraction of requests that fail, by status 503 or by a body cut short in turn; 0 to 1.
  package var failRate = 0.0
  /// Decides which requests fail, so that a trial can be repeated.
  package var seed: UInt64 = 1
  /// Whether SIGTERM and SIGINT end the server once the answers under way are complete.
  package var stopsOnSignals = false
  /// Called once for each request when its answer has ended; must return quickly.
  package var onRequest: (@Sendable (ServedRequest) -> Void)?

  package init(paths: [String]) {
    self.paths = paths
  }
}

/// One line of an access log.
package struct ServedRequest: Hashable, Sendable {
  package let method: String
  /// As sent, percent-encoded.
  package let path: String
  package let status: Int
  /// Body bytes written.
  package let byteCount: UInt64
  /// The Range field, or nil.
  package let range: String?
  /// Whether the answer ended before all of it was sent.
  package let wasCut: Bool
}

/// Why the server could not start.
package struct OriginServerError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: Hashable, Sendable {
    /// An argument makes no sense (exit 64).
    case usage
    /// A path is not there or cannot be read (exit 66).
    case noInput
    /// The address cannot be listened on (exit 69).
    case cannotListen
  }

  package let code: Code
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }
}
