internal import AsyncHTTPClient
internal import Linux
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import ReadPath

/// Says in a few words why no complete answer came, from whatever the network stack threw.
enum TransportFailure {
  static func reason(for error: any Error) -> String {
    switch error {
    case let error as HTTPClientError: reason(for: error)
    case let error as NIOConnectionError: reason(for: error)
    case let error as IOError: Errno(rawValue: error.errnoCode).description.lowercasedFirst
    case is SocketAddressError: "the host name is not known"
    case is ChannelError: "the connection was cut"
    case is NIOSSLError: "the TLS handshake failed (perhaps the origin speaks http only)"
    default: "the connection failed (\(firstLine(String(describing: error))))"
    }
  }

  /// Whether the other side's certificate was refused, which no further attempt changes.
  static func isUntrusted(_ error: any Error) -> Bool {
    guard case .handshakeFailed(let cause)? = error as? NIOSSLError else { return false }
    // BoringSSL's reason is in the text alone.
    return String(describing: cause).contains("CERTIFICATE_VERIFY_FAILED")
  }

  private static func reason(for error: HTTPClientError) -> String {
    switch error {
    case .connectTimeout, .getConnectionFromPoolTimeout: "connecting took too long"
    case .readTimeout: "the origin stopped answering"
    case .deadlineExceeded: "the answer took too long"
    case .remoteConnectionClosed, .uncleanShutdown: "the connection was cut"
    case .tlsHandshakeTimeout: "the TLS handshake took too long"
    default: error.shortDescription.lowercasedFirst
    }
  }

  private static func reason(for error: NIOConnectionError) -> String {
    if let failed = error.connectionErrors.first?.error { return reason(for: failed) }
    return "the host name \(error.host) is not known"
  }

  private static func firstLine(_ text: String) -> String {
    String(text.prefix { !$0.isNewline }.prefix(160))
  }
}

extension ResponseCheck {
  /// What `error`, thrown by the network stack, means for the attempt.
  func failure(for error: any Error) -> AttemptFailure {
    if error is CancellationError || error as? HTTPClientError == .cancelled || Task.isCancelled {
      return .cancelled
    }
    if TransportFailure.isUntrusted(error) {
      return verdict(
        .unavailable,
        "its TLS certificate is not trusted here; add its authority to those of this machine")
    }
    return .transient(reason: TransportFailure.reason(for: error))
  }
}

extension String {
  fileprivate var lowercasedFirst: String {
    prefix(1).lowercased() + dropFirst()
  }
}
