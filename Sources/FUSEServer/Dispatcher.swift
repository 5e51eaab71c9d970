internal import Bytes
internal import FUSEProtocol
package import Linux

/// Turns one request into one reply.
///
/// Knows no device: a request is bytes and so is the reply. No request, however malformed, traps;
/// what cannot be decoded is answered EINVAL, what is unknown ENOSYS, what would write EROFS.
package struct Dispatcher: Sendable {
  /// Where in a reply buffer the payload starts: on a page, with the header just below it.
  package static let payloadOffset = AlignedBuffer.alignment
  private static let headerOffset = payloadOffset - ReplyHeader.byteCount
  /// Room for any payload but READ's and a listing's: an extended attribute's value is the largest.
  package static let payloadByteCountMin = 64 << 10

  let filesystem: any Filesystem
  let options: ServingOptions
  private let contexts: [RequestContext]

  /// A dispatcher whose INTERRUPT requests reach `contexts`.
  package init(
    filesystem: any Filesystem, options: ServingOptions = ServingOptions(),
    contexts: [RequestContext] = []
  ) {
    self.filesystem = filesystem
    self.options = options
    self.contexts = contexts
  }

  /// What a request came to.
  package struct Answer: Equatable, Sendable {
    /// The bytes of the buffer to send; nil when the request wants no reply.
    package var reply: Range<Int>?
    /// Zero, or the error number that the reply carries.
    package var errorNumber: Int32 = 0
  }

  /// Answers `request` in `buffer`, which holds `payloadOffset + payloadByteCountMin` bytes or
  /// more.
  ///
  /// `context` is the calling thread's.
  package func answer(
    _ request: RawSpan, in buffer: inout MutableRawSpan, context: RequestContext? = nil
  ) -> Answer {
    let header: RequestHeader
    do throws(MessageError) {
      header = try RequestHeader(decoding: request)
    } catch {
      // With the identity known the caller can be told; otherwise nobody waits.
      guard request.byteCount >= RequestHeader.byteCount else { return Answer(reply: nil) }
      return Self.fail(request.load(fromByteOffset: 8), .invalidArgument, in: &buffer)
    }
    context?.begin(header.unique)
    defer { context?.end() }
    guard let opcode = header.opcode else {
      return Self.fail(header.unique, .notImplemented, in: &buffer)
    }
    let body = request.extracting(
      RequestHeader.byteCount..<RequestHeader.byteCount + header.bodyByteCount)
    if !opcode.expectsReply {
      if opcode == .interrupt { interrupt(body) }
      return Answer(reply: nil)
    }
    do throws(Errno) {
      var payload = buffer[bytes: Self.payloadOffset..<buffer.byteCount]
      let byteCount = try perform(opcode, on: header.node, body, into: &payload)
      return Self.seal(ReplyHeader(unique: header.unique, payloadByteCount: byteCount), in: &buffer)
    } catch {
      return Self.fail(header.unique, error, in: &buffer)
    }
  }

  /// Makes `buffer` a reply that fails the request `unique`.
  package static func fail(
    _ unique: UInt64, _ errno: Errno, in buffer: inout MutableRawSpan
  ) -> Answer {
    // The kernel refuses numbers out of this range, and then the caller would wait for ever.
    let number = 1..<512 ~= errno.rawValue ? errno.rawValue : Errno.ioError.rawValue
    return seal(ReplyHeader(unique: unique, errorNumber: number), in: &buffer)
  }

  static func seal(_ header: ReplyHeader, in buffer: inout MutableRawSpan) -> Answer {
    var target = buffer[bytes: headerOffset..<payloadOffset]
    header.encode(into: &target)
    return Answer(
      reply: headerOffset..<payloadOffset + header.payloadByteCount,
      errorNumber: header.errorNumber)
  }

  private func interrupt(_ body: RawSpan) {
    guard let unique = try? InterruptRequest(decoding: body).unique else { return }
    for context in contexts { context.interrupt(unique) }
  }

  /// Carries the request out; returns the size of the payload that it wrote.
  private func perform(
    _ opcode: Opcode, on node: NodeID, _ body: RawSpan, into payload: inout MutableRawSpan
  ) throws(Errno) -> Int {
    switch opcode {
    case .lookUp: return try lookUp(body, in: node, into: &payload)
    case .getAttributes:
      return options.timeouts.encode(try filesystem.attributes(of: node), into: &payload)
    case .readLink: return try copy(try filesystem.readLink(node), into: &payload)
    case .read: return try read(node, body, into: &payload)
    case .readDirectory: return try list(node, body, withAttributes: false, into: &payload)
    case .readDirectoryPlus: return try list(node, body, withAttributes: true, into: &payload)
    case .statistics: return try filesystem.statistics().encode(into: &payload)
    case .getExtendedAttribute: return try extendedAttribute(of: node, body, into: &payload)
    case .listExtendedAttributes:
      return try extendedAttributeNames(of: node, body, into: &payload)
    case .seek: return try seek(node, body, into: &payload)
    case .open: return try open(node, into: &payload)
    case .openDirectory: return try openDirectory(into: &payload)
    case .release: return try release(node, body)
    case .releaseDirectory, .destroy: return 0
    case .initialize: throw .ioError
    default: throw opcode.modifies ? .readOnlyFilesystem : .notImplemented
    }
  }
}
