internal import Bytes
package import FUSEProtocol
package import Linux

/// A session's connection, for what a filesystem tells the kernel unasked.
///
/// Good from when the filesystem hears of it until the session ends; afterwards everything fails.
/// Thread-safe.
package final class Connection: Sendable {
  private let device: Lock<FUSEDevice?>
  /// What the kernel offered, whether or not it was accepted.
  package let offered: InitFlags

  init(_ device: FUSEDevice, offered: InitFlags) {
    self.device = Lock(device)
    self.offered = offered
  }

  /// Lets go of the device.
  func close() {
    device.withLock { $0 = nil }
  }

  /// Registers `file`, which stays open for the kernel, for ``OpenReply/backingID``.
  ///
  /// The file must not lie on a filesystem that itself reads from others.
  package func register(_ file: borrowing FileDescriptor) throws(Errno) -> Int32 {
    try held().descriptor.registerBackingFile(file)
  }

  /// Takes `id` back; files that were opened with it go on.
  package func unregister(_ id: Int32) {
    try? held().descriptor.unregisterBackingFile(id)
  }

  /// Makes the kernel drop what it has of the content of `node`, mapped pages too.
  ///
  /// Waits for reads of it that are under way, so it must not be called while answering one. False
  /// when the kernel may have some of it left.
  package func forgetContent(of node: NodeID) -> Bool {
    tell(Notification.forgetContent(of: node))
  }

  /// Makes the kernel drop the entry `name` of `directory`, and the node behind it with its pages,
  /// unless that is in use.
  ///
  /// Waits for look-ups in `directory`, so it must not be called while answering a request.
  package func forgetEntry(_ name: [UInt8], in directory: NodeID) {
    _ = tell(Notification.forgetEntry(name, in: directory))
  }

  /// Makes the kernel ask again what was asked and not answered, if it can.
  func resend() {
    _ = tell(Notification.resend())
  }

  /// Whether the kernel did as it was told; ENOENT says that it does not know what is meant.
  private func tell(_ message: [UInt8]) -> Bool {
    do throws(Errno) {
      try held().descriptor.writeMessage(message.rawSpan)
      return true
    } catch {
      return error == .noSuchFile
    }
  }

  private func held() throws(Errno) -> FUSEDevice {
    guard let device = device.withLock({ $0 }) else { throw .notConnected }
    return device
  }
}
