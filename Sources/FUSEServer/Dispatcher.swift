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
  /// Whether directories need no OPENDIR.
  let listsHandleless: Bool
  private let contexts: [RequestContext]

  /// A dispatcher whose INTERRUPT requests reach `contexts`.
  ///
  /// Unless `listsHandleless` says otherwise, directories are opened as files are.
  package init(
    filesystem: any Filesystem, options: ServingOptions = ServingOptions(),
    listsHandleless: Bool? = nil, contexts: [RequestContext] = []
  ) {
    self.listsHandleless = listsHandleless ?? options.handleless
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
    var payload = buffer[bytes: Self.payloadOffset..<buffer.byteCount]
    guard let header = reply(to: request, in: &payload, context: context) else {
      return Answer(reply: nil)
    }
    return Self.seal(header, in: &buffer)
  }

  /// Answers `request` with what it puts first in `payload`, which has room for
  /// `payloadByteCountMin` bytes or more, and the header that belongs before it; nil when the request
  /// wants no reply.
  ///
  /// `context` is the calling thread's.
  func reply(
    to request: RawSpan, in payload: inout MutableRawSpan, context: RequestContext? = nil
  ) -> ReplyHeader? {
    let header: RequestHeader
    do throws(MessageError) {
      header = try RequestHeader(decoding: request)
    } catch {
      // With the identity known the caller can be told; otherwise nobody waits.
      guard request.byteCount >= RequestHeader.byteCount else { return nil }
      return Self.failure(of: request.load(fromByteOffset: 8), .invalidArgument)
    }
    context?.begin(header.unique)
    defer { context?.end() }
    guard let opcode = header.opcode else {
      return Self.failure(of: header.unique, .notImplemented)
    }
    let body = header.body(in: request)
    if !opcode.expectsReply {
      if opcode == .interrupt { interrupt(body) }
      return nil
    }
    do throws(Errno) {
      let byteCount = try perform(opcode, on: header.node, body, into: &payload)
      return ReplyHeader(unique: header.unique, payloadByteCount: byteCount)
    } catch {
      return Self.failure(of: header.unique, error)
    }
  }

  /// How many bytes `request` asks for, if it is a READ; otherwise 0.
  static func readByteCount(of request: RawSpan) -> Int {
    guard let header = try? RequestHeader(decoding: request), header.opcode == .read,
      let read = try? ReadRequest(decoding: header.body(in: request))
    else { return 0 }
    return read.capacity
  }

  /// Makes `buffer` a reply that fails the request `unique`.
  package static func fail(
    _ unique: UInt64, _ errno: Errno, in buffer: inout MutableRawSpan
  ) -> Answer {
    seal(failure(of: unique, errno), in: &buffer)
  }

  private static func failure(of unique: UInt64, _ errno: Errno) -> ReplyHeader {
    // The kernel refuses numbers out of this range, and then the caller would wait for ever.
    let number = 1..<512 ~= errno.rawValue ? errno.rawValue : Errno.ioError.rawValue
    return ReplyHeader(unique: unique, errorNumber: number)
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

extension RequestHeader {
  /// What follows the header in `request`, from which it was decoded.
  @_lifetime(copy request)
  fileprivate func body(in request: RawSpan) -> RawSpan {
    request.extracting(Self.byteCount..<Self.byteCount + bodyByteCount)
  }
}
