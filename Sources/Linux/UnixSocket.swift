internal import CLinux

/// Stream sockets in the file system, for talking to another process of this machine.
package enum UnixSocket {
  /// Listens at `path`, which must not exist, with mode 0600.
  package static func listen(at path: String) throws(SystemError) -> FileDescriptor {
    let descriptor = try makeSocket()
    let socket = descriptor.rawValue
    try withShortPath(path, call: "bind") { unsafe cullet_bind_unix(socket, $0) }
    _ = try retryingInterrupts("chmod", path) { Int(unsafe chmod(path, 0o600)) }
    _ = try retryingInterrupts("listen", path) {
      Int(CLinux.listen(descriptor.rawValue, backlog))
    }
    return descriptor
  }

  /// Connects to the process that listens at `path`.
  package static func connect(to path: String) throws(SystemError) -> FileDescriptor {
    let descriptor = try makeSocket()
    let socket = descriptor.rawValue
    try withShortPath(path, call: "connect") { unsafe cullet_connect_unix(socket, $0) }
    return descriptor
  }

  /// Waits for the next connection on `listener`; fails with EINVAL once it was shut down.
  package static func accept(
    on listener: borrowing FileDescriptor
  ) throws(SystemError) -> FileDescriptor {
    let descriptor = listener.rawValue
    let accepted = try retryingInterrupts("accept4") {
      Int(cullet_accept(descriptor))
    }
    return FileDescriptor(adopting: Int32(accepted))
  }

  /// Ends what can be received, which wakes whoever waits for it; replies can still be sent.
  package static func shutDownReading(_ socket: borrowing FileDescriptor) {
    _ = shutdown(socket.rawValue, Int32(SHUT_RD))
  }

  /// Ends both directions, which wakes whoever blocks on the socket.
  package static func shutDown(_ socket: borrowing FileDescriptor) {
    _ = shutdown(socket.rawValue, Int32(SHUT_RDWR))
  }

  /// Makes a wait for the peer's bytes fail with EAGAIN after `milliseconds`; 0 waits for ever.
  package static func setReceiveTimeout(
    _ milliseconds: Int, of socket: borrowing FileDescriptor
  ) throws(SystemError) {
    var time = timeval(
      tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
    let status = unsafe setsockopt(
      socket.rawValue, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    guard status == 0 else { throw SystemError(call: "setsockopt", errno: .current) }
  }

  /// As many clients may wait to be accepted; more than any host runs at once.
  private static let backlog: Int32 = 64

  private static func makeSocket() throws(SystemError) -> FileDescriptor {
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let opened = try retryingInterrupts("socket") { Int(socket(AF_UNIX, type, 0)) }
    return FileDescriptor(adopting: Int32(opened))
  }

  /// Calls `body` with `path`, or, when that is too long for an address, with a shorter way to it
  /// through its directory's descriptor in /proc.
  private static func withShortPath(
    _ path: String, call: StaticString, _ body: (String) -> Int32
  ) throws(SystemError) {
    do throws(SystemError) {
      _ = try retryingInterrupts(call, path) { Int(body(path)) }
    } catch {
      guard error.errno == .nameTooLong, let slash = path.lastIndex(of: "/") else { throw error }
      let parent = try FileDescriptor(opening: String(path[..<slash]), [.directory, .pathOnly])
      let shortPath = "/proc/self/fd/\(parent.rawValue)\(path[slash...])"
      _ = try retryingInterrupts(call, path) { Int(body(shortPath)) }
    }
  }
}
