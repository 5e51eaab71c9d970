internal import Bytes
internal import FUSEProtocol
internal import Linux
internal import Synchronization

/// One thread's part of a session: read a request, answer it, repeat.
///
/// Its two buffers are all the memory that it needs, whatever is asked.
final class Worker: Sendable {
  /// At least the kernel's minimum of 8 KiB; more only makes FORGET batches larger.
  static let requestByteCountMax = 32 << 10

  let context: RequestContext
  let requestCount = Atomic<UInt64>(0)
  let failureCount = Atomic<UInt64>(0)
  let lostReplyCount = Atomic<UInt64>(0)

  init(context: RequestContext) {
    self.context = context
  }

  /// Serves `device` until it ends or `isStopping`; the request at hand is finished first.
  func serve(
    _ device: FUSEDevice, _ dispatcher: Dispatcher, isStopping: () -> Bool
  ) throws(FUSEError) {
    var request = AlignedBuffer(byteCount: Self.requestByteCountMax)
    var reply = AlignedBuffer(
      byteCount: Dispatcher.payloadOffset + ServingOptions.readByteCountMax)
    while !isStopping() {
      guard let byteCount = try Self.receive(from: device, into: &request) else { return }
      if byteCount == 0 { continue }
      var target = reply.mutableBytes
      let answer = dispatcher.answer(
        request.bytes.extracting(first: byteCount), in: &target, context: context)
      requestCount.add(1, ordering: .relaxed)
      if answer.errorNumber != 0 { failureCount.add(1, ordering: .relaxed) }
      guard let range = answer.reply else { continue }
      send(reply.bytes.extracting(range), to: device)
    }
  }

  /// The size of the next request, zero when there was none to be had just now, or nil when the
  /// mount is gone.
  static func receive(
    from device: FUSEDevice, into buffer: inout AlignedBuffer
  ) throws(FUSEError) -> Int? {
    do throws(Errno) {
      var target = buffer.mutableBytes
      return try device.descriptor.readMessage(into: &target)
    } catch {
      switch error {
      // ENOENT: the caller gave up between the queue and our buffer.
      case .interrupted, .noSuchFile, .tryAgain: return 0
      case .noSuchDevice, .connectionAborted: return nil
      default: throw FUSEError(.system(error), detail: "reading /dev/fuse")
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
