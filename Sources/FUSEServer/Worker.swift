internal import Bytes
internal import FUSEProtocol
internal import Linux
internal import Synchronization

/// One thread's part of a session: read a request, answer it, repeat.
///
/// Its two buffers are all the memory that it needs, whatever is asked. What a large reply took of it
/// goes back when the thread has had none for a while.
final class Worker: Sendable {
  /// At least the kernel's minimum of 8 KiB; more only makes FORGET batches larger.
  static let requestByteCountMax = 32 << 10

  /// What a read from the device came to.
  enum Receipt {
    case message(byteCount: Int)
    /// The wait was interrupted, or the caller gave up between the queue and our buffer.
    case nothing
    /// The mount is gone.
    case end
    case failure(Errno)
  }

  /// Replies above it leave memory behind that is worth giving back.
  private static let smallReplyByteCountMax = 64 << 10

  let context = RequestContext()
  private let swollen = Atomic(false)
  /// Whether there was a large reply since ``isAtRest()`` was asked last.
  private let isInUse = Atomic(false)
  private let shrinks = Atomic(false)
  let requestCount = Atomic<UInt64>(0)
  let failureCount = Atomic<UInt64>(0)
  let lostReplyCount = Atomic<UInt64>(0)

  /// Serves `device` until it ends or `crew` stops; the request at hand is finished first.
  ///
  /// One that `isSpare` does not serve when there is no memory for it.
  func serve(
    _ device: FUSEDevice, _ dispatcher: Dispatcher, _ crew: Crew, isSpare: Bool = false
  ) throws(FUSEError) {
    var request = AlignedBuffer(byteCount: Self.requestByteCountMax)
    // Most of it is touched only by a thread that gets a large READ.
    let byteCount = Dispatcher.payloadOffset + ServingOptions.readByteCountMax
    guard var reply = try? MappedBuffer(byteCount: byteCount) else {
      if isSpare { return }
      throw FUSEError(.system(.outOfMemory), detail: "no memory to serve with")
    }
    try context.adopt { () throws(FUSEError) in
      while !crew.isStopping {
        crew.beginWaiting()
        let receipt = Self.receive(from: device, into: &request)
        crew.endWaiting()
        switch receipt {
        case .message(let byteCount):
          var target = reply.mutableBytes
          let answer = dispatcher.answer(
            request.bytes.extracting(first: byteCount), in: &target, context: context)
          requestCount.add(1, ordering: .relaxed)
          if answer.errorNumber != 0 { failureCount.add(1, ordering: .relaxed) }
          if let range = answer.reply {
            if range.count > Self.smallReplyByteCountMax { swell(crew) }
            send(reply.bytes.extracting(range), to: device)
          }
        case .nothing:
          if shrinks.exchange(false, ordering: .relaxed) {
            reply.discard()
            swollen.store(false, ordering: .sequentiallyConsistent)
          }
        case .end: return
        case .failure(let errno): throw FUSEError(.system(errno), detail: "reading /dev/fuse")
        }
      }
    }
  }

  private func swell(_ crew: Crew) {
    isInUse.store(true, ordering: .relaxed)
    if !swollen.exchange(true, ordering: .sequentiallyConsistent) { crew.noteSwelling() }
  }

  /// Whether a large reply has left memory behind.
  var isSwollen: Bool { swollen.load(ordering: .sequentiallyConsistent) }

  /// Whether there was no large reply since this was asked last; the thread gives its memory back then,
  /// as soon as its wait for a request is interrupted.
  func isAtRest() -> Bool {
    guard !isInUse.exchange(false, ordering: .relaxed) else { return false }
    shrinks.store(true, ordering: .relaxed)
    return true
  }

  /// Waits for a request and puts it into `buffer`.
  static func receive(from device: FUSEDevice, into buffer: inout AlignedBuffer) -> Receipt {
    do throws(Errno) {
      var target = buffer.mutableBytes
      return .message(byteCount: try device.descriptor.readMessage(into: &target))
    } catch {
      switch error {
      case .interrupted, .noSuchFile, .tryAgain: return .nothing
      case .noSuchDevice, .connectionAborted: return .end
      default: return .failure(error)
      }
    }
  }

  private func send(_ message: RawSpan, to device: FUSEDevice) {
    do throws(Errno) {
      try device.descriptor.writeMessage(message)
    } catch {
      // ENOENT: the caller was killed and nobody waits. ENODEV: the mount is gone, as the next read
      // will say. In both cases there is nobody left to tell.
      if error == .noSuchFile || error == .noSuchDevice { return }
      lostReplyCount.add(1, ordering: .relaxed)
      // Anything else would leave the caller waiting for ever: it gets the shortest possible reply.
      let unique = message.load(fromByteOffset: 8, as: UInt64.self)
      var header = [UInt8](repeating: 0, count: ReplyHeader.byteCount)
      var target = header.mutableRawSpan
      ReplyHeader(unique: unique, errorNumber: Errno.ioError.rawValue).encode(into: &target)
      try? device.descriptor.writeMessage(header.rawSpan)
    }
  }
}
