internal import Bytes
internal import FUSEProtocol
package import Linux

/// What another process needs to go on with a session: the connection, and what was settled in INIT.
///
/// There is no table of nodes: who serves the same filesystem serves the same nodes. While a process
/// has this the mount stays alive, and what nobody has taken waits: who takes it over may come
/// before the first server has stopped, or after that was killed. What a killed server had taken
/// fails, or is asked again. Of a session that passes files through the successor must also know which
/// it lent the kernel, and those can be told only by a server that has stopped.
package struct SessionState: Sendable {
  let device: FUSEDevice
  let settings: SessionSettings

  init(device: FUSEDevice, settings: SessionSettings) {
    self.device = device
    self.settings = settings
  }

  /// Sends it to the peer of `socket`, a connected Unix socket.
  package func send(to socket: borrowing FileDescriptor) throws(SystemError) {
    try socket.sendDescriptor(device.descriptor)
    try socket.write(settings.encoded().rawSpan)
  }

  /// What the peer of `socket` sent with ``send(to:)``; EPROTO when it is something else.
  ///
  /// Waits as long as the socket does.
  package init(receivingFrom socket: borrowing FileDescriptor) throws(SystemError) {
    device = FUSEDevice(adopting: try socket.receiveDescriptor())
    let bytes = try socket.read(byteCount: SessionSettings.byteCount)
    do throws(MessageError) {
      settings = try SessionSettings(decoding: bytes.rawSpan)
    } catch {
      throw SystemError(call: "recvmsg", errno: .protocolError)
    }
  }
}
