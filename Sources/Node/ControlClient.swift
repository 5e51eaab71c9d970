internal import Bytes
internal import EROFSReader
internal import Linux

/// A cache that another process owns, asked over its socket.
///
/// Thread-safe: requests take turns on the connection; every image has a connection of its own.
package final class ControlClient: CacheService {
  private let socketPath: String
  private let channel: Lock<ControlChannel>

  /// How long an owner has to say anything at all.
  private static let patienceMilliseconds = 5000

  /// Connects to the owner of the cache at `directory`; nil when nobody listens there.
  ///
  /// Throws `.tryAgain` when somebody does but does not answer: a stopped process, for one.
  init?(directory: CacheDirectory) throws(Failure) {
    socketPath = directory.socketPath
    guard let socket = try? UnixSocket.connect(to: socketPath) else { return nil }
    let channel = ControlChannel(socket)
    try channel.setPatience(milliseconds: Self.patienceMilliseconds)
    do throws(Failure) {
      _ = try Self.ask(.isResident, on: channel)
    } catch {
      // An owner that ends right now resets the connection; only silence is strange.
      guard error.isSilence else { return nil }
      throw Failure(
        .tryAgain,
        "the owner of the cache in \(directory.path) does not answer; is the process stopped?")
    }
    try channel.setPatience(milliseconds: nil)
    self.channel = Lock(channel)
  }

  package func isResident() throws(Failure) -> Bool {
    guard case .truth(let isResident) = try ask(.isResident) else { throw Self.confused }
    return isResident
  }

  package func handOver() throws(Failure) {
    _ = try ask(.handOver)
  }

  package func status() throws(Failure) -> CacheStatusReport {
    guard case .status(let report) = try ask(.status) else { throw Self.confused }
    return report
  }

  package func objects() throws(Failure) -> [ObjectReport] {
    guard case .objects(let reports) = try ask(.objects) else { throw Self.confused }
    return reports
  }

  package func cull(_ options: CullOptions) throws(Failure) -> CullOutcome {
    guard case .cull(let outcome) = try ask(.cull(options)) else { throw Self.confused }
    return outcome
  }

  package func verify(repair: Bool) throws(Failure) -> VerifyOutcome {
    guard case .verify(let outcome) = try ask(.verify(repair: repair)) else { throw Self.confused }
    return outcome
  }

  package func drop(_ source: String, keepingObject: Bool) throws(Failure) {
    _ = try ask(.drop(source: source, keepingObject: keepingObject))
  }

  package func setLimits(_ limits: CacheStatusReport.Limits) throws(Failure) {
    _ = try ask(.setLimits(limits))
  }

  package func pin(_ request: PinRequest) throws(Failure) -> PinOutcome {
    guard case .pin(let outcome) = try ask(.pin(request)) else { throw Self.confused }
    return outcome
  }

  package func resize(to byteCount: UInt64) throws(Failure) {
    _ = try ask(.resize(byteCount: byteCount))
  }

  package func open(_ source: String) throws(Failure) -> OpenedImage {
    let own: ControlChannel
    do throws(SystemError) {
      own = ControlChannel(try UnixSocket.connect(to: socketPath))
    } catch {
      throw ControlChannel.lost(error)
    }
    let reply = try Self.ask(.open(source: source), on: own)
    guard case .opened(let handle, let byteCount, let coherency) = reply else {
      throw Self.confused
    }
    return OpenedImage(
      source: RemoteSource(channel: own, handle: handle, byteCount: byteCount),
      coherency: coherency)
  }

  package func mount(_ request: MountRequest) throws(Failure) {
    _ = try ask(.mount(request))
  }

  package func unmount(_ directory: String, lazily: Bool) throws(Failure) -> Bool {
    let reply = try ask(.unmount(directory: directory, lazily: lazily))
    guard case .truth(let found) = reply else { throw Self.confused }
    return found
  }

  package func mounts(countsPages: Bool = false) throws(Failure) -> [MountReport] {
    guard case .mounts(let reports) = try ask(.mounts(countsPages: countsPages)) else {
      throw Self.confused
    }
    return reports
  }

  package func waitForUnmount(of directory: String) throws(Failure) {
    _ = try ask(.waitForUnmount(directory: directory))
  }

  /// Returns when the owner has ended, if it ends, or has had five seconds to.
  package func waitForRelease() {
    let deadline = MonotonicClock.now + 5_000_000_000
    while MonotonicClock.now < deadline {
      guard let reports = try? mounts(), reports.isEmpty else { break }
      Thread.sleep(milliseconds: 10)
    }
  }

  private func ask(_ request: ControlRequest) throws(Failure) -> ControlReply {
    try channel.withLock { channel throws(Failure) in try Self.ask(request, on: channel) }
  }

  private static func ask(
    _ request: ControlRequest, on channel: ControlChannel
  ) throws(Failure) -> ControlReply {
    try channel.send(request)
    guard let reply = try channel.receive(ControlReply.self) else {
      throw ControlChannel.lost(nil)
    }
    if case .failure(let failure) = reply { throw failure }
    return reply
  }

  private static var confused: Failure {
    Failure(.tryAgain, "the cache's owner gave an answer to another question, try again")
  }
}

/// An image in a cache that another process owns.
///
/// Thread-safe; reads take turns.
final class RemoteSource: BlockSource {
  /// The longest read of one request; longer ones are split.
  static let readByteLimit = 1 << 20

  private let channel: Lock<ControlChannel>
  private let handle: Int
  private let lost = Lock(false)
  let byteCount: UInt64

  var isWhollyAtHand: Bool { false }

  /// Whether the owner went away, so that nothing more comes from here.
  var isLost: Bool { lost.withLock { $0 } }

  init(channel: ControlChannel, handle: Int, byteCount: UInt64) {
    self.channel = Lock(channel)
    self.handle = handle
    self.byteCount = byteCount
  }

  func read(into target: inout MutableRawSpan, at offset: UInt64) throws(SourceError) {
    var filled = 0
    while filled < target.byteCount {
      let count = min(Self.readByteLimit, target.byteCount - filled)
      var part = target[bytes: filled..<filled + count]
      try readPart(into: &part, at: offset + UInt64(filled))
      filled += count
    }
  }

  private func readPart(
    into target: inout MutableRawSpan, at offset: UInt64
  ) throws(SourceError) {
    let byteCount = target.byteCount
    let refusal: SourceError?
    do throws(Failure) {
      refusal = try channel.withLock { channel throws(Failure) -> SourceError? in
        try channel.send(
          ControlRequest.read(handle: handle, offset: offset, byteCount: byteCount))
        switch try channel.receive(ControlReply.self) {
        case .bytes(byteCount):
          guard try channel.fill(&target) else { throw ControlChannel.lost(nil) }
          return nil
        case .unreadable(let code, let message):
          return SourceError(SourceError.Code(wireValue: code), message)
        default: throw ControlChannel.lost(nil)
        }
      }
    } catch {
      lost.withLock { $0 = true }
      throw SourceError(.ioError, error.message)
    }
    if let refusal { throw refusal }
  }
}
