package import Linux

/// What another process needs to go on with a hidden mount: its session, and what its files are opened by.
///
/// While a process has this the mount stays alive, as with a ``SessionState``.
package struct HiddenMountState: Sendable {
  package let session: SessionState
  package let root: HiddenMount

  package init(session: SessionState, root: HiddenMount) {
    self.session = session
    self.root = root
  }

  /// Sends it to the peer of `socket`, a connected Unix socket.
  package func send(to socket: borrowing FileDescriptor) throws(SystemError) {
    try session.send(to: socket)
    try root.mount.send(to: socket)
  }

  /// What the peer of `socket` sent with ``send(to:)``; EPROTO or ENOMSG when it is something else.
  ///
  /// Waits as long as the socket does.
  package init(receivingFrom socket: borrowing FileDescriptor) throws(SystemError) {
    session = try SessionState(receivingFrom: socket)
    root = HiddenMount(mount: try DetachedMount(receivingFrom: socket))
  }
}
