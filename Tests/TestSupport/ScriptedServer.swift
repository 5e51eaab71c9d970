import Foundation

/// An HTTP server on loopback that answers whatever a test tells it to, byte for byte.
package final class ScriptedServer: @unchecked Sendable {
  /// What a request said, as far as scripts care.
  package struct Request: Sendable {
    /// The number of this request since the server started, from 0.
    package let index: Int
    /// The number of the connection it came over, from 0.
    package let connection: Int
    package let target: String
    /// Header fields by lower-case name.
    package let fields: [String: String]

    /// The request as it would be without the field `name`.
    package func without(_ name: String) -> Request {
      Request(
        index: index, connection: connection, target: target,
        fields: fields.filter { $0.key != name })
    }
  }

  package struct Reply: Sendable {
    package enum Ending: Sendable {
      case keepAlive
      case close
      /// Nothing more is sent, and the connection stays open until the server goes.
      case hang
    }

    package let bytes: [UInt8]
    package let ending: Ending

    package init(_ bytes: [UInt8], _ ending: Ending) {
      self.bytes = bytes
      self.ending = ending
    }

    /// A well-formed response with a Content-Length of its own unless `fields` brings one.
    package init(
      _ status: Int, _ fields: [String: String] = [:], body: [UInt8] = [],
      _ ending: Ending = .keepAlive
    ) {
      var head = "HTTP/1.1 \(status) Status\r\n"
      var fields = fields
      if fields["Content-Length"] == nil { fields["Content-Length"] = "\(body.count)" }
      for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
        head += "\(name): \(value)\r\n"
      }
      self.init(Array((head + "\r\n").utf8) + body, ending)
    }
  }

  private let listener: LoopbackSocket
  private let script: @Sendable (Request) -> Reply
  private let lock = NSLock()
  private var open: [LoopbackSocket] = []
  private var seen: [Request] = []
  private var isStopped = false

  package init(_ script: @escaping @Sendable (Request) -> Reply) throws {
    self.script = script
    listener = try LoopbackSocket()
    try listener.listen()
    let listener = listener
    Thread.detachNewThread { [weak self] in
      var count = 0
      while let connection = listener.accept() {
        guard let server = self, server.keep(connection) else { return }
        let number = count
        count += 1
        Thread.detachNewThread { [weak server] in
          serve(connection, number: number) { server?.answer($0) }
        }
      }
    }
  }

  deinit {
    stop()
  }

  package var port: UInt16 { listener.port }
  package var address: String { "http://127.0.0.1:\(port)" }

  /// Every request so far.
  package var requests: [Request] { lock.withLock { seen } }

  /// Closes everything; connections are refused from here on.
  package func stop() {
    lock.withLock {
      isStopped = true
      for connection in open { connection.shutDown() }
    }
    listener.shutDown()
  }

  private func keep(_ connection: LoopbackSocket) -> Bool {
    lock.withLock {
      open.append(connection)
      return !isStopped
    }
  }

  private func answer(_ text: RequestText) -> Reply? {
    let request = lock.withLock {
      let request = Request(
        index: seen.count, connection: text.connection, target: text.target, fields: text.fields)
      seen.append(request)
      return request
    }
    return script(request)
  }
}

private struct RequestText {
  let connection: Int
  let target: String
  let fields: [String: String]
}

private func serve(
  _ connection: LoopbackSocket, number: Int, _ answer: (RequestText) -> ScriptedServer.Reply?
) {
  var pending: [UInt8] = []
  while true {
    while pending.count < 4 || Array(pending.suffix(4)) != [13, 10, 13, 10] {
      guard let bytes = connection.receive() else { return }
      pending += bytes
    }
    let lines = String(decoding: pending, as: UTF8.self).components(separatedBy: "\r\n")
    pending = []
    let words = lines[0].split(separator: " ")
    var fields: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      fields[line[..<colon].lowercased()] = line[line.index(after: colon)...]
        .trimmingCharacters(in: .whitespaces)
    }
    let text = RequestText(
      connection: number, target: words.count > 1 ? String(words[1]) : "", fields: fields)
    guard let reply = answer(text), connection.send(reply.bytes) else {
      connection.shutDown()
      return
    }
    switch reply.ending {
    case .keepAlive: continue
    case .close:
      connection.shutDown()
      return
    case .hang:
      while connection.receive() != nil {}
      return
    }
  }
}
