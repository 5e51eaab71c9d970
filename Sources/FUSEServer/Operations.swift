internal import Bytes
internal import FUSEProtocol
internal import Linux

/// The requests that need more than one line: each decodes its body, asks the filesystem and writes
/// the payload of the reply, whose size it returns.
extension Dispatcher {
  func lookUp(
    _ body: RawSpan, in directory: NodeID, into payload: inout MutableRawSpan
  ) throws(Errno) -> Int {
    let name: RawSpan
    do throws(MessageError) {
      name = try NameRequest.name(in: body)
    } catch {
      throw .invalidArgument
    }
    return options.timeouts.encode(
      try filesystem.lookUp(name, in: directory), into: &payload)
  }

  func read(
    _ node: NodeID, _ body: RawSpan, into payload: inout MutableRawSpan
  ) throws(Errno) -> Int {
    let request = try decoded { () throws(MessageError) in try ReadRequest(decoding: body) }
    guard request.offset <= UInt64(Int64.max) else { throw .invalidArgument }
    let capacity = min(request.capacity, payload.byteCount)
    var target = payload[bytes: 0..<capacity]
    let byteCount = try filesystem.read(node, at: request.offset, into: &target)
    precondition(0...capacity ~= byteCount, "the filesystem read more than there was room for")
    return byteCount
  }

  func list(
    _ node: NodeID, _ body: RawSpan, withAttributes: Bool, into payload: inout MutableRawSpan
  ) throws(Errno) -> Int {
    let request = try decoded { () throws(MessageError) in try ReadRequest(decoding: body) }
    let capacity = min(request.capacity, payload.byteCount)
    var listing = DirectoryListing(
      into: payload[bytes: 0..<capacity], wantsAttributes: withAttributes,
      timeouts: options.timeouts)
    try filesystem.readDirectory(node, from: request.offset, into: &listing)
    return listing.byteCount
  }

  func extendedAttribute(
    of node: NodeID, _ body: RawSpan, into payload: inout MutableRawSpan
  ) throws(Errno) -> Int {
    let request = try decoded { () throws(MessageError) in
      try ExtendedAttributeRequest(decoding: body)
    }
    let name: RawSpan
    do throws(MessageError) {
      name = try ExtendedAttributeRequest.name(in: body)
    } catch {
      throw .invalidArgument
    }
    guard let value = try filesystem.extendedAttribute(name, of: node) else { throw .noData }
    return try sized(value, for: request, into: &payload)
  }

  func extendedAttributeNames(
    of node: NodeID, _ body: RawSpan, into payload: inout MutableRawSpan
  ) throws(Errno) -> Int {
    let request = try decoded { () throws(MessageError) in
      try ExtendedAttributeRequest(decoding: body)
    }
    var list: [UInt8] = []
    for name in try filesystem.extendedAttributeNames(of: node) {
      list += name
      list.append(0)
    }
    return try sized(list, for: request, into: &payload)
  }

  func seek(
    _ node: NodeID, _ body: RawSpan, into payload: inout MutableRawSpan
  ) throws(Errno) -> Int {
    let request = try decoded { () throws(MessageError) in try SeekRequest(decoding: body) }
    guard let target = request.target, request.offset <= UInt64(Int64.max) else {
      throw .invalidArgument
    }
    let found = try filesystem.seek(node, to: target, from: request.offset)
    return Replies.encodeSeek(found, into: &payload)
  }

  /// With `handleless` opens the kernel is told never to ask again; it then keeps caches by itself.
  func open(_ node: NodeID, into payload: inout MutableRawSpan) throws(Errno) -> Int {
    if options.handleless { throw .notImplemented }
    return try filesystem.open(node).encode(into: &payload)
  }

  /// As for files, but that directories have no handles.
  func openDirectory(into payload: inout MutableRawSpan) throws(Errno) -> Int {
    if options.handleless { throw .notImplemented }
    return OpenReply(flags: [.keepCache, .cacheDirectory]).encode(into: &payload)
  }

  func release(_ node: NodeID, _ body: RawSpan) throws(Errno) -> Int {
    let request = try decoded { () throws(MessageError) in try ReleaseRequest(decoding: body) }
    filesystem.release(node, handle: request.handle)
    return 0
  }

  /// The whole of `bytes` as the payload.
  func copy(_ bytes: [UInt8], into payload: inout MutableRawSpan) throws(Errno) -> Int {
    guard bytes.count <= payload.byteCount else { throw .ioError }
    payload.copy(bytes.rawSpan)
    return bytes.count
  }

  /// `value` itself, or its size when that was the question; ERANGE when the caller lacks the room.
  private func sized(
    _ value: [UInt8], for request: ExtendedAttributeRequest, into payload: inout MutableRawSpan
  ) throws(Errno) -> Int {
    if request.capacity == 0 {
      // Linux knows no attribute or list of names larger than this.
      guard value.count <= Self.payloadByteCountMin else { throw .outOfRange }
      return Replies.encodeSize(UInt32(value.count), into: &payload)
    }
    guard value.count <= request.capacity else { throw .outOfRange }
    return try copy(value, into: &payload)
  }

  /// What `body` decodes to; whatever is wrong with a message, its sender learns EINVAL.
  private func decoded<Message>(
    _ body: () throws(MessageError) -> Message
  ) throws(Errno) -> Message {
    do throws(MessageError) {
      return try body()
    } catch {
      throw .invalidArgument
    }
  }
}
