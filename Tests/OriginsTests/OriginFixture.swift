import Bytes
import Foundation
import Origins
import ReadPath
import TestSupport

/// An origin that loses no time: a manual clock, connections of its own.
struct OriginFixture: Sendable {
  let origin: HTTPOrigin
  let clock = ManualClock()

  init(
    _ address: String, readTimeout: Duration = .seconds(30), requestsPerHost: Int = 4,
    path: String = "/image"
  ) throws {
    var limits = HTTPConnections.Limits()
    limits.readTimeout = readTimeout
    limits.requestsPerHost = requestsPerHost
    var options = HTTPOrigin.Options()
    options.timer = clock.timer
    options.versionPolicy.timeLimit = .seconds(1000)
    options.readPolicy.timeLimit = .seconds(1000)
    origin = HTTPOrigin(
      try HTTPLocation(parsing: address + path), options: options,
      connections: Self.connections(limits))
  }

  // Clients that live as long as the process need no shutting down.
  private static func connections(_ limits: HTTPConnections.Limits) -> HTTPConnections {
    let connections = HTTPConnections(limits: limits)
    lock.withLock { kept.append(connections) }
    return connections
  }

  private static let lock = NSLock()
  nonisolated(unsafe) private static var kept: [HTTPConnections] = []
}

/// The range from `offset`, `byteCount` long.
func range(_ offset: UInt64, _ byteCount: UInt64) -> ByteRange {
  guard let range = ByteRange(offset: offset, byteCount: byteCount) else {
    preconditionFailure("tests ask for small ranges")
  }
  return range
}

/// The code of the error that `body` throws; nil when it throws none.
func code(
  of body: () async throws(OriginError) -> Void
) async -> OriginError.Code? {
  do throws(OriginError) {
    try await body()
    return nil
  } catch {
    return error.code
  }
}

/// A scripted object with ranges and a strong tag, as a well-behaved server has it.
struct ScriptedObject: Sendable {
  var bytes: [UInt8]
  var entityTag: String? = #""v1""#
  var lastModified: String? = nil

  /// A thousand bytes under the tag "v1".
  static let thousand = ScriptedObject(bytes: (0..<1000).map { UInt8($0 % 251) })
  static let thousandVersion = ObjectVersion(byteCount: 1000, entityTag: #""v1""#)

  /// The right answer to `request`.
  func reply(to request: ScriptedServer.Request) -> ScriptedServer.Reply {
    if let condition = request.fields["if-match"], condition != entityTag { return .init(412) }
    guard let (first, last) = Self.ends(request) else { return .init(200, fields, body: bytes) }
    let field = "bytes \(first)-\(last)/\(bytes.count)"
    return .init(
      206, fields.merging(["Content-Range": field]) { $1 }, body: Array(bytes[first...last]))
  }

  var fields: [String: String] {
    var fields: [String: String] = [:]
    fields["ETag"] = entityTag
    fields["Last-Modified"] = lastModified
    return fields
  }

  static func ends(_ request: ScriptedServer.Request) -> (Int, Int)? {
    guard let text = request.fields["range"]?.dropFirst("bytes=".count) else { return nil }
    let ends = text.split(separator: "-").compactMap { Int($0) }
    return ends.count == 2 ? (ends[0], ends[1]) : nil
  }
}
