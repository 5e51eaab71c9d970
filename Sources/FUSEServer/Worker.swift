internal import Bytes
internal import FUSEProtocol
internal import Linux
internal import Synchronization

/// One thread's part of a session: read a request, answer it, repeat.
///
/// Its two buffers are all the memory that it needs, whatever is asked, but for what a large READ
/// returns: for that it takes one of the ``LargeBuffers`` while it is at it.
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

  let context = RequestContext()
  let requestCount = Atomic<UInt64>(0)
  let failureCount = Atomic<UInt64>(0)
  let lostReplyCount = Atomic<UInt64>(0)

  /// Serves `device` as thread `index` of `crew` until the device ends, or the crew stops or has no more
  /// use for it; the request at hand is finished first.
  ///
  /// All but the first do not serve when there is no memory for it.
  func serve(
    _ device: FUSEDevice, _ dispatcher: Dispatcher, _ crew: Crew, as index: Int
  ) throws(FUSEError) {
    var request = AlignedBuffer(byteCount: Self.requestByteCountMax)
    let byteCount = Dispatcher.payloadOffset + Dispatcher.payloadByteCountMin
    guard var reply = try? MappedBuffer(byteCount: byteCount) else {
      if index > 0 { return }
      throw FUSEError(.system(.outOfMemory), detail: "no memory to serve with")
    }
    try context.adopt { () throws(FUSEError) in
      while !crew.isStopping {
        crew.beginWaiting()
        let receipt = Self.receive(from: device, into: &request)
        crew.endWaiting()
        switch receipt {
        case .message(let byteCount):
          let message = request.bytes.extracting(first: byteCount)
          let readByteCount = Dispatcher.readByteCount(of: message)
          if readByteCount > Dispatcher.payloadByteCountMin {
            answerLarge(message, with: &reply, on: device, dispatcher)
          } else {
            var target = reply.mutableBytes
            let answer = dispatcher.answer(message, in: &target, context: context)
            finish(answer, in: reply, on: device)
          }
          if readByteCount > 0 { crew.noteDebt() }
        case .nothing:
          // Only here: one that has been busy may be the first that can take what waits.
          if !crew.keeps(index) { return }
        case .end: return
        case .failure(let errno): throw FUSEError(.system(errno), detail: "reading /dev/fuse")
        }
      }
    }
  }

  /// Answers `message`, a READ of more than `reply` has room for.
  private func answerLarge(
    _ message: RawSpan, with reply: inout MappedBuffer, on device: FUSEDevice,
    _ dispatcher: Dispatcher
  ) {
    var head = reply.mutableBytes
    guard var payload = LargeBuffers.shared.take() else {
      // A part of it would be taken for the end of the file.
      let failure = Dispatcher.fail(message.load(fromByteOffset: 8), .outOfMemory, in: &head)
      return finish(failure, in: reply, on: device)
    }
    var target = payload.mutableBytes
    guard let header = dispatcher.reply(to: message, in: &target, context: context) else { return }
    let answer = Dispatcher.seal(header, in: &head)
    finish(
      answer, in: reply, followedBy: payload.bytes.extracting(first: header.payloadByteCount),
      on: device)
  }

  /// Counts `answer` and sends it: its header, which is in `reply`, and the payload from there or from
  /// elsewhere.
  private func finish(
    _ answer: Dispatcher.Answer, in reply: borrowing MappedBuffer,
    followedBy payload: RawSpan = RawSpan(), on device: FUSEDevice
  ) {
    requestCount.add(1, ordering: .relaxed)
    if answer.errorNumber != 0 { failureCount.add(1, ordering: .relaxed) }
    guard let range = answer.reply else { return }
    if payload.isEmpty {
      send(reply.bytes.extracting(range), to: device)
    } else {
      send(
        reply.bytes.extracting(range.lowerBound..<Dispatcher.payloadOffset), followedBy: payload,
        to: device)
    }
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

  /// Sends `message`, which begins with its header, and what comes behind it.
  private func send(
    _ message: RawSpan, followedBy payload: RawSpan = RawSpan(), to device: FUSEDevice
  ) {
    do throws(Errno) {
      if payload.isEmpty {
        try device.descriptor.writeMessage(message)
      } else {
        try device.descriptor.writeMessage(message, payload)
      }
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
