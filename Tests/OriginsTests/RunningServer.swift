import Foundation
import OriginServer
import TestSupport

/// An origin server in a task of its own, stopped with its owner.
final class RunningServer: Sendable {
  let port: UInt16
  private let task: Task<Void, any Error>
  private let log = ServedLog()

  init(_ configuration: OriginServerConfiguration) async throws {
    var configuration = configuration
    configuration.onRequest = { [log] in log.append($0) }
    let (ports, continuation) = AsyncStream.makeStream(of: UInt16.self)
    task = Task { [configuration] in
      defer { continuation.finish() }
      try await OriginServer.run(configuration: configuration) { _, port in
        continuation.yield(port)
      }
    }
    var iterator = ports.makeAsyncIterator()
    guard let port = await iterator.next() else {
      try await task.value
      throw CancellationError()
    }
    self.port = port
  }

  deinit {
    task.cancel()
  }

  var address: String { "http://127.0.0.1:\(port)" }

  /// Every request whose answer has ended.
  var served: [ServedRequest] { log.all }

  /// Waits until the server has stopped by itself.
  func wait() async throws {
    try await task.value
  }

  /// Stops the server and waits until it has.
  func stop() async throws {
    task.cancel()
    try await task.value
  }

  /// Sends one request over a connection of its own and takes what comes until its end.
  func exchange(_ target: String, method: String = "GET", _ fields: [String: String] = [:])
    async throws -> RawResponse
  {
    var text = "\(method) \(target) HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
    for (name, value) in fields { text += "\(name): \(value)\r\n" }
    let request = Array((text + "\r\n").utf8)
    let port = port
    // The server's own tasks need the cooperative threads.
    return try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(
          with: Result {
            let socket = try LoopbackSocket()
            guard socket.connect(to: port), socket.send(request) else {
              throw POSIXError(.ECONNREFUSED)
            }
            var bytes: [UInt8] = []
            while let more = socket.receive() { bytes += more }
            return RawResponse(bytes)
          })
      }
    }
  }
}

/// A response as it came over the wire.
struct RawResponse: Sendable {
  let status: Int
  /// Header fields by lower-case name.
  let fields: [String: String]
  let body: [UInt8]

  init(_ bytes: [UInt8]) {
    let end = bytes.indices.dropLast(3).first { Array(bytes[$0..<$0 + 4]) == [13, 10, 13, 10] }
    let head = String(decoding: bytes[..<(end ?? bytes.count)], as: UTF8.self)
    let lines = head.components(separatedBy: "\r\n")
    status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    var fields: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      fields[line[..<colon].lowercased()] = line[line.index(after: colon)...]
        .trimmingCharacters(in: .whitespaces)
    }
    self.fields = fields
    body = end.map { Array(bytes[($0 + 4)...]) } ?? []
  }
}

private final class ServedLog: @unchecked Sendable {
  private let lock = NSLock()
  private var requests: [ServedRequest] = []

  var all: [ServedRequest] { lock.withLock { requests } }

  func append(_ request: ServedRequest) {
    lock.withLock { requests.append(request) }
  }
}
