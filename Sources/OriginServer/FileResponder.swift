internal import Bytes
internal import HTTPSyntax
internal import HTTPTypes
internal import Hummingbird
internal import Linux
internal import NIOCore
internal import NIOPosix

/// Turns requests into answers, with the hindrances that the configuration asks for.
struct FileResponder: HTTPResponder {
  typealias Context = BasicRequestContext

  private let configuration: OriginServerConfiguration
  private let shelf: Shelf
  private let bandwidth: BandwidthLimit?
  private let mishaps: MishapSource

  /// Thrown to end a connection in the middle of a body.
  private struct CutOff: Error {}

  init(_ configuration: OriginServerConfiguration, shelf: Shelf) {
    self.configuration = configuration
    self.shelf = shelf
    bandwidth = configuration.bytesPerSecond.map(BandwidthLimit.init(bytesPerSecond:))
    mishaps = MishapSource(rate: configuration.failRate, seed: configuration.seed)
  }

  func respond(to request: Request, context: BasicRequestContext) async throws -> Response {
    let mishap = mishaps.next()
    if configuration.latency > .zero { try await Task.sleep(for: configuration.latency) }
    guard mishap != .unavailable else { return plain(.serviceUnavailable, request) }
    guard request.method == .get || request.method == .head else {
      return plain(.methodNotAllowed, request, [.allow: "GET, HEAD"])
    }
    let path = request.uri.path
    guard path.hasPrefix("/"), let name = PercentEncoding.decode(path.dropFirst()) else {
      return plain(.badRequest, request)
    }
    // Files may block, and the threads of tasks must not.
    return try await NIOThreadPool.singleton.runIfActive {
      switch shelf.item(at: FileName(name)) {
      case .file(let file):
        return answer(request, file, cut: mishap == .cut)
      case .listing(let names):
        let html = IndexPage(path: path, names: names).html
        return text(.ok, html, "text/html; charset=utf-8", request)
      case nil:
        return plain(.notFound, request)
      }
    }
  }

  private func answer(_ request: Request, _ file: ServedFile, cut: Bool) -> Response {
    let fields: HTTPFields = [
      .eTag: file.entityTag, .lastModified: file.lastModified.description, .acceptRanges: "bytes",
    ]
    let outcome = Preconditions.outcome(
      request.headers, method: request.method, entityTag: file.entityTag,
      lastModified: file.lastModified, byteCount: file.byteCount)
    switch outcome {
    case .failed:
      return plain(.preconditionFailed, request, fields)
    case .unsatisfiable:
      return plain(
        .rangeNotSatisfiable, request, fields + [.contentRange: "bytes */\(file.byteCount)"])
    case .notModified:
      log(request, .notModified, 0)
      return Response(status: .notModified, headers: fields)
    case .part(let range):
      let place = "bytes \(range.offset)-\(range.end - 1)/\(file.byteCount)"
      return stream(
        request, .partialContent, file, range, fields + [.contentRange: place], cut: cut)
    case .whole:
      guard let range = ByteRange(offset: 0, byteCount: file.byteCount) else {
        return plain(.internalServerError, request)
      }
      return stream(request, .ok, file, range, fields, cut: cut)
    }
  }

  private func stream(
    _ request: Request, _ status: HTTPResponse.Status, _ file: ServedFile, _ range: ByteRange,
    _ fields: HTTPFields, cut: Bool
  ) -> Response {
    let fields =
      fields + [
        .contentType: "application/octet-stream", .contentLength: String(range.byteCount),
      ]
    guard request.method != .head else {
      log(request, status, 0)
      return Response(status: status, headers: fields)
    }
    // A small body goes out with its head, from the thread that opened the file.
    if !cut, bandwidth == nil, range.byteCount <= UInt64(ServedFile.pieceByteCount) {
      guard let body = file.read(byteCount: Int(range.byteCount), at: range.offset) else {
        return plain(.serviceUnavailable, request)
      }
      log(request, status, range.byteCount)
      return Response(status: status, headers: fields, body: ResponseBody(byteBuffer: body))
    }
    let end = cut ? range.offset + range.byteCount / 2 : range.end
    let body = ResponseBody(contentLength: Int(range.byteCount)) { writer in
      var offset = range.offset
      do {
        while offset < end {
          let count = min(
            Int(end - offset), bandwidth?.pieceByteCount ?? ServedFile.pieceByteCount)
          let place = offset
          let piece = try await NIOThreadPool.singleton.runIfActive {
            file.read(byteCount: count, at: place)
          }
          guard let piece else { throw CutOff() }
          try await bandwidth?.send(count)
          try await writer.write(piece)
          offset += UInt64(count)
        }
        guard !cut else { throw CutOff() }
      } catch {
        log(request, status, offset - range.offset, wasCut: true)
        throw error
      }
      log(request, status, offset - range.offset)
      try await writer.finish(nil)
    }
    return Response(status: status, headers: fields, body: body)
  }

  private func plain(
    _ status: HTTPResponse.Status, _ request: Request, _ fields: HTTPFields = [:]
  ) -> Response {
    let reason = "\(status.code) \(status.reasonPhrase)\n"
    return text(status, reason, "text/plain; charset=utf-8", request, fields)
  }

  private func text(
    _ status: HTTPResponse.Status, _ text: String, _ type: String, _ request: Request,
    _ fields: HTTPFields = [:]
  ) -> Response {
    let body = ByteBuffer(string: text)
    let isHead = request.method == .head
    let fields =
      fields + [.contentType: type, .contentLength: String(body.readableBytes)]
    log(request, status, isHead ? 0 : UInt64(body.readableBytes))
    return Response(
      status: status, headers: fields,
      body: isHead ? ResponseBody() : ResponseBody(byteBuffer: body))
  }

  private func log(
    _ request: Request, _ status: HTTPResponse.Status, _ byteCount: UInt64, wasCut: Bool = false
  ) {
    configuration.onRequest?(
      ServedRequest(
        method: request.method.rawValue, path: request.uri.path, status: status.code,
        byteCount: byteCount, range: request.headers[.range], wasCut: wasCut))
  }
}

extension HTTPFields {
  fileprivate static func + (left: HTTPFields, right: HTTPFields) -> HTTPFields {
    var sum = left
    sum.append(contentsOf: right)
    return sum
  }
}
