internal import Bytes
package import FUSEProtocol
internal import Linux

/// What INIT settles between the kernel and a session.
package struct Negotiation: Equatable {
  /// The features wanted of a kernel that has them.
  ///
  /// Not among them: POSIX ACLs (an image's are plain attributes), invalidation by modification
  /// time (nothing is modified), splicing (replies leave from one buffer by one write).
  package static let wanted: InitFlags = [
    .asyncRead, .asyncDirectIO, .parallelDirectoryOperations, .readDirectoryPlus,
    .readDirectoryPlusAutomatic, .maxPages, .cacheSymlinks, .noOpenSupport,
    .noOpenDirectorySupport, .extendedInit,
    // For mounts with default_permissions, as all are: the kernel alone looks at owners.
    .allowIDMapping,
  ]

  /// What is sent back.
  package let reply: InitReply
  package let settings: SessionSettings

  /// Nil when the kernel's protocol is too old.
  package init?(_ request: InitRequest, options: ServingOptions) {
    guard request.major == InitReply.major, request.minor >= InitReply.oldestMinor else {
      return nil
    }
    var flags = request.flags.intersection(Self.wanted)
    if options.listsAttributesAlways { flags.remove(.readDirectoryPlusAutomatic) }
    let passesThrough = options.passesThrough && request.flags.contains(.passthrough)
    if passesThrough { flags.insert(.passthrough) }
    let listsHandleless =
      options.handleless && flags.isSuperset(of: [.noOpenSupport, .noOpenDirectorySupport])
    settings = SessionSettings(
      offered: request.flags, handleless: listsHandleless && !passesThrough,
      listsHandleless: listsHandleless)
    reply = InitReply(
      minor: min(request.minor, InitReply.minor),
      readAheadByteCount: UInt32(clamping: options.readAheadByteCount), flags: flags,
      backgroundRequestCount: options.backgroundRequestCount,
      congestionThreshold: options.backgroundRequestCount / 4 * 3,
      pageCountMax: UInt16(ServingOptions.readByteCountMax / 4096),
      // One more, as an overlay, and the kernel's limit is reached.
      stackDepthMax: passesThrough ? 1 : 0)
  }

  /// Answers the first request of a mount, which has to be INIT, in `buffer`.
  ///
  /// No negotiation comes of anything else, nor of a protocol that is too old: both get an error.
  package static func answer(
    _ request: RawSpan, options: ServingOptions, in buffer: inout MutableRawSpan
  ) -> (Dispatcher.Answer, Negotiation?) {
    do throws(MessageError) {
      let header = try RequestHeader(decoding: request)
      let body = request.extracting(droppingFirst: RequestHeader.byteCount)
      guard header.opcode == .initialize,
        let negotiation = Negotiation(try InitRequest(decoding: body), options: options)
      else {
        return (Dispatcher.fail(header.unique, .protocolError, in: &buffer), nil)
      }
      var payload = buffer[bytes: Dispatcher.payloadOffset..<buffer.byteCount]
      let byteCount = negotiation.reply.encode(into: &payload)
      return (
        Dispatcher.seal(
          ReplyHeader(unique: header.unique, payloadByteCount: byteCount), in: &buffer),
        negotiation
      )
    } catch {
      return (Dispatcher.Answer(reply: nil), nil)
    }
  }
}
