internal import Bytes
internal import EROFSReader
internal import Linux

/// Answers other processes at the cache's socket on behalf of its owner.
///
/// One thread accepts, one a connection serves; a connection's images close with it. Clients that
/// are still connected when it ends look for the next owner by themselves.
final class ControlServer: Sendable {
  private struct State {
    var connections: [Int: ControlChannel] = [:]
    var lastNumber = 0
    var isClosed = false
  }

  /// How long a client has to take the answer that it is being sent when the owner ends.
  private static let farewellNanoseconds: UInt64 = 2_000_000_000

  private let listener: FileDescriptor
  private let service: any CacheService
  private let state = Lock(State())
  private let acceptor = Lock<Thread?>(nil)

  /// Listens at `path`, replacing the socket that a killed owner left behind: the caller owns the
  /// cache, so nobody else can be listening there.
  init(path: String, service: any CacheService) throws(Failure) {
    do throws(SystemError) {
      try Paths.removeFile(path)
      listener = try UnixSocket.listen(at: path)
    } catch {
      throw Failure(error)
    }
    self.service = service
  }

  func start() throws(Failure) {
    do throws(SystemError) {
      let thread = try Thread(name: "control") { [self] in acceptConnections() }
      acceptor.withLock { $0 = thread }
    } catch {
      throw Failure(error)
    }
  }

  /// Accepts nobody else, answers what was asked, and ends.
  func drain() {
    let channels = state.withLock { state in
      state.isClosed = true
      return state.connections.values
    }
    for channel in channels { channel.stopReceiving() }
    UnixSocket.shutDown(listener)
    let thread = acceptor.withLock { acceptor in
      defer { acceptor = nil }
      return acceptor
    }
    thread?.join()
    // A client that takes no more of its answer must not keep the cache from its next owner.
    let deadline = MonotonicClock.now + Self.farewellNanoseconds
    let isEmpty = state.wait(until: deadline) { $0.connections.isEmpty ? true : nil }
    guard isEmpty == nil else { return }
    for channel in state.withLock({ $0.connections.values }) { channel.shutDown() }
    _ = state.wait { $0.connections.isEmpty ? true : nil }
  }

  private func acceptConnections() {
    while true {
      do throws(SystemError) {
        let channel = ControlChannel(try UnixSocket.accept(on: listener))
        let number: Int? = state.withLock { state in
          guard !state.isClosed else { return nil }
          state.lastNumber += 1
          state.connections[state.lastNumber] = channel
          return state.lastNumber
        }
        guard let number else { return }
        do throws(SystemError) {
          _ = try Thread(name: "client-\(number)") { [self] in
            serve(channel)
            end(number)
          }
        } catch {
          end(number)
        }
      } catch {
        // A client that gave up, or too many open files: the next one may do better.
        if state.withLock({ $0.isClosed }) { return }
        Thread.sleep(milliseconds: 10)
      }
    }
  }

  private func end(_ number: Int) {
    state.withLock { $0.connections[number] = nil }
    state.signalAll()
  }

  private func serve(_ channel: ControlChannel) {
    var images: [any BlockSource] = []
    do throws(Failure) {
      while let request = try channel.receive(ControlRequest.self) {
        if case .read(let handle, let offset, let byteCount) = request {
          try serveRead(
            of: images.indices.contains(handle) ? images[handle] : nil, at: offset,
            byteCount: byteCount, on: channel)
        } else {
          try channel.send(reply(to: request, images: &images))
        }
      }
    } catch {
      // The client has gone or talks nonsense; either way there is nobody to tell.
      return
    }
  }

  private func serveRead(
    of image: (any BlockSource)?, at offset: UInt64, byteCount: Int, on channel: ControlChannel
  ) throws(Failure) {
    guard let image, byteCount >= 0, byteCount <= RemoteSource.readByteLimit else {
      return try channel.send(ControlReply.unreadable(code: 0, message: "no such read"))
    }
    var bytes = [UInt8](repeating: 0, count: byteCount)
    do throws(SourceError) {
      var target = bytes.mutableRawSpan
      try image.read(into: &target, at: offset)
    } catch {
      return try channel.send(
        ControlReply.unreadable(code: error.code.wireValue, message: error.message))
    }
    try channel.send(ControlReply.bytes(byteCount: byteCount))
    try channel.send(bytes.rawSpan)
  }

  private func reply(
    to request: ControlRequest, images: inout [any BlockSource]
  ) -> ControlReply {
    do throws(Failure) {
      switch request {
      case .isResident: return .truth(try service.isResident())
      case .handOver: try service.handOver()
      case .status: return .status(try service.status())
      case .objects: return .objects(try service.objects())
      case .cull(let options): return .cull(try service.cull(options))
      case .verify(let repair): return .verify(try service.verify(repair: repair))
      case .drop(let source, let keepingObject):
        try service.drop(source, keepingObject: keepingObject)
      case .setLimits(let limits): try service.setLimits(limits)
      case .pin(let request): return .pin(try service.pin(request))
      case .resize(let byteCount): try service.resize(to: byteCount)
      case .open(let source):
        let image = try service.open(source)
        images.append(image.source)
        return .opened(
          handle: images.count - 1, byteCount: image.source.byteCount, coherency: image.coherency)
      case .mount(let mount): try service.mount(mount)
      case .unmount(let directory, let lazily):
        return .truth(try service.unmount(directory, lazily: lazily))
      case .mounts(let countsPages):
        return .mounts(try service.mounts(countsPages: countsPages))
      case .waitForUnmount(let directory): try service.waitForUnmount(of: directory)
      case .read: preconditionFailure("reads are answered with bytes, not with a reply alone")
      }
      return .done
    } catch {
      return .failure(error)
    }
  }
}

extension SourceError.Code {
  var wireValue: Int {
    switch self {
    case .ioError: 0
    case .originUnavailable: 1
    case .stale: 2
    case .outOfBounds: 3
    case .interrupted: 4
    }
  }

  init(wireValue: Int) {
    switch wireValue {
    case 1: self = .originUnavailable
    case 2: self = .stale
    case 3: self = .outOfBounds
    case 4: self = .interrupted
    default: self = .ioError
    }
  }
}
