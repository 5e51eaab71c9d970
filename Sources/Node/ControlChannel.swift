internal import Bytes
internal import FoundationEssentials
internal import Linux

/// One end of a connection between a client and the owner: whole messages in, whole messages out.
///
/// Not thread-safe; one thread at a time holds the channel.
final class ControlChannel: Sendable {
  /// Longer messages are a peer gone wrong: the longest are listings of the cache's objects.
  private static let messageByteLimit = 256 << 20

  private let socket: FileDescriptor

  init(_ socket: consuming FileDescriptor) {
    self.socket = socket
  }

  /// Ends the wait for further messages, as if the peer had closed; replies still go out.
  func stopReceiving() {
    UnixSocket.shutDownReading(socket)
  }

  /// Sets how long ``receive(_:)`` waits for the peer; nil for ever.
  func setPatience(milliseconds: Int?) throws(Failure) {
    do throws(SystemError) {
      try UnixSocket.setReceiveTimeout(milliseconds ?? 0, of: socket)
    } catch {
      throw Failure(error)
    }
  }

  /// Ends both directions; whoever blocks here fails.
  func shutDown() {
    UnixSocket.shutDown(socket)
  }

  func send(_ message: some Encodable) throws(Failure) {
    let body: [UInt8]
    do {
      body = [UInt8](try JSONEncoder().encode(message))
    } catch {
      throw Failure(.failure, "cannot encode a message to the cache's owner: \(error)")
    }
    var frame = ByteWriter(reservingCapacity: body.count + 4)
    frame.append(UInt32(body.count))
    frame.append(body)
    try send(frame.bytes.rawSpan)
  }

  func send(_ bytes: RawSpan) throws(Failure) {
    do throws(SystemError) {
      try socket.write(bytes)
    } catch {
      throw Self.lost(error)
    }
  }

  /// The next message, or nil when the peer closed the connection between two messages.
  func receive<Message: Decodable>(_ type: Message.Type) throws(Failure) -> Message? {
    var header = [UInt8](repeating: 0, count: 4)
    var target = header.mutableRawSpan
    guard try fill(&target) else { return nil }
    let byteCount = Int(header.rawSpan.load(fromByteOffset: 0, as: UInt32.self))
    guard byteCount <= Self.messageByteLimit else {
      throw Failure(.tryAgain, "the cache's owner and this command do not understand each other")
    }
    var body = [UInt8](repeating: 0, count: byteCount)
    var bodyTarget = body.mutableRawSpan
    guard try fill(&bodyTarget) else { throw Self.lost(nil) }
    do {
      return try JSONDecoder().decode(type, from: Data(body))
    } catch {
      throw Failure(
        .tryAgain, "the cache's owner runs another version of cullet; unmount and mount again")
    }
  }

  /// Fills `target`; false when the peer had closed before the first byte.
  func fill(_ target: inout MutableRawSpan) throws(Failure) -> Bool {
    var filled = 0
    while filled < target.byteCount {
      do throws(SystemError) {
        var rest = target[bytes: filled..<target.byteCount]
        let count = try socket.read(into: &rest)
        if count == 0 {
          if filled == 0 { return false }
          throw SystemError(call: "read", errno: .brokenPipe)
        }
        filled += count
      } catch {
        throw Self.lost(error)
      }
    }
    return true
  }

  static func lost(_ error: SystemError?) -> Failure {
    let cause = error.map { ": \($0)" } ?? ""
    var failure = Failure(
      .tryAgain, "lost the connection to the cache's owner, try again\(cause)", isOwnerLost: true)
    failure.isSilence = error?.errno == .tryAgain
    return failure
  }
}
