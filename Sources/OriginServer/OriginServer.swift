internal import Hummingbird
internal import Linux
internal import Logging
internal import NIOCore
internal import ServiceLifecycle
internal import UnixSignals

/// A plain HTTP origin with byte ranges and validators, for trials and for sharing a few images.
///
/// It can be made slow, narrow and unreliable on purpose. Bodies are streamed in pieces, so memory
/// stays small whatever is served.
package enum OriginServer {
  /// Serves until the task is cancelled or, when so configured, a signal asks to stop.
  ///
  /// - Parameter onListening: called once connections are accepted, with the address and port.
  package static func run(
    configuration: OriginServerConfiguration,
    onListening: @escaping @Sendable (_ host: String, _ port: UInt16) -> Void
  ) async throws {
    guard (0...1).contains(configuration.failRate) else {
      throw OriginServerError(.usage, "the fail rate must lie between 0 and 1")
    }
    guard configuration.bytesPerSecond != 0 else {
      throw OriginServerError(.usage, "the bandwidth must be above 0")
    }
    let responder = FileResponder(configuration, shelf: try Shelf(paths: configuration.paths))
    // What the server has to say is told by onRequest and by thrown errors.
    let logger = Logger(label: "origin") { _ in SwiftLogNoOpLogHandler() }
    let application = Application(
      responder: responder,
      configuration: ApplicationConfiguration(
        address: .hostname(configuration.host, port: Int(configuration.port)),
        serverName: "cullet"),
      onServerRunning: { channel in
        let port = channel.localAddress?.port.flatMap { UInt16(exactly: $0) }
        onListening(configuration.host, port ?? configuration.port)
      },
      logger: logger)
    do {
      try await application.runService(
        gracefulShutdownSignals: configuration.stopsOnSignals ? [.sigterm, .sigint] : [])
    } catch is CancellationError {
      return
    } catch let error as IOError {
      throw OriginServerError(
        .cannotListen,
        "cannot listen on \(configuration.host):\(configuration.port): \(Errno(rawValue: error.errnoCode))"
      )
    }
  }
}
