internal import ArgumentParser
internal import Node
internal import OriginServer
internal import ReadPath

/// `cullet serve`: an origin for trials.
struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve files over HTTP, with byte ranges, for trials.",
    discussion: """
      Files appear under their names, directories under their contents' paths. The latency, \
      bandwidth and failures of a bad network can be put on top.

      EXAMPLE
        cullet serve image.erofs --listen 127.0.0.1:8080 --latency 20
      """)

  @Argument(help: "Files and directories to serve.") var paths: [String]
  @Option(help: "Address and port; port 0 is any free one.") var listen = "127.0.0.1:8080"
  @Option(help: "Milliseconds that every request waits.") var latency: UInt32 = 0
  @Option(help: "Bytes a second for all responses together, with K, M or G.")
  var bandwidth: ByteSize?
  @Option(help: "Part of the requests that fail, from 0 to 1.") var failRate = 0.0
  @Flag(help: "Do not print the requests.") var quiet = false

  func run() throws {
    var configuration = OriginServerConfiguration(paths: paths)
    (configuration.host, configuration.port) = try address()
    configuration.latency = .milliseconds(Int64(latency))
    configuration.bytesPerSecond = bandwidth?.byteCount
    configuration.failRate = failRate
    configuration.stopsOnSignals = true
    if !quiet {
      configuration.onRequest = { request in
        Terminal.note(
          "\(request.method) \(request.path) \(request.range ?? "whole") \(request.status) "
            + "\(request.byteCount)\(request.wasCut ? " cut" : "")")
      }
    }
    do {
      try blockingOn { [configuration] in
        try await OriginServer.run(configuration: configuration) { host, port in
          Terminal.print("serving at http://\(host):\(port)/")
        }
      }
    } catch let error as OriginServerError {
      let status: ExitStatus =
        switch error.code {
        case .usage: .usage
        case .noInput: .noInput
        case .cannotListen: .unavailable
        }
      throw Failure(status, error.message)
    }
  }

  private func address() throws -> (String, UInt16) {
    guard let colon = listen.lastIndex(of: ":"),
      let port = UInt16(listen[listen.index(after: colon)...])
    else {
      throw Failure(.usage, "--listen \(listen): give an address and a port, like 127.0.0.1:0")
    }
    return (String(listen[..<colon]), port)
  }
}
