/// What a client may ask of the owner of a cache, over its socket.
///
/// On the wire a message is its length in 4 bytes, little-endian, and that many bytes of JSON; the
/// reply to a read is followed by the bytes themselves. A connection carries one request at a time.
enum ControlRequest: Codable, Sendable {
  case isResident
  case handOver
  case status
  case objects
  case cull(CullOptions)
  case verify(repair: Bool)
  case drop(source: String, keepingObject: Bool)
  case setLimits(CacheStatusReport.Limits)
  case pin(PinRequest)
  case resize(byteCount: UInt64)
  case open(source: String)
  /// Bytes of an image opened on this connection.
  case read(handle: Int, offset: UInt64, byteCount: Int)
  case mount(MountRequest)
  case unmount(directory: String, lazily: Bool)
  case mounts(countsPages: Bool)
  case waitForUnmount(directory: String)
}

/// What the owner answers.
enum ControlReply: Codable, Sendable {
  case done
  case failure(Failure)
  case status(CacheStatusReport)
  case objects([ObjectReport])
  case cull(CullOutcome)
  case verify(VerifyOutcome)
  case pin(PinOutcome)
  case opened(handle: Int, byteCount: UInt64, coherency: [UInt8])
  /// As many bytes follow the message.
  case bytes(byteCount: Int)
  /// A read that failed; the code is kept so that the client's reader maps it as its own.
  case unreadable(code: Int, message: String)
  case truth(Bool)
  case mounts([MountReport])
}
