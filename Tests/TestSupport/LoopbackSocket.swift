import Foundation

/// A TCP socket on 127.0.0.1, closed with its owner.
package final class LoopbackSocket: @unchecked Sendable {
  package let descriptor: Int32

  package init() throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw POSIXError(.EMFILE) }
  }

  package init(adopting descriptor: Int32) {
    self.descriptor = descriptor
  }

  deinit {
    close(descriptor)
  }

  /// Binds to a port that the kernel chooses and listens on it.
  package func listen() throws {
    let status = withAddress(port: 0) { bind(descriptor, $0, $1) }
    guard status == 0, Foundation.listen(descriptor, 64) == 0 else {
      throw POSIXError(.EADDRINUSE)
    }
  }

  /// The bound port.
  package var port: UInt16 {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        getsockname(descriptor, $0, &length)
      }
    }
    return UInt16(bigEndian: address.sin_port)
  }

  /// Whether somebody accepted the connection.
  package func connect(to port: UInt16) -> Bool {
    withAddress(port: port) { Foundation.connect(descriptor, $0, $1) } == 0
  }

  /// The next connection; nil once the socket is shut down.
  package func accept() -> LoopbackSocket? {
    let accepted = Foundation.accept(descriptor, nil, nil)
    return accepted < 0 ? nil : LoopbackSocket(adopting: accepted)
  }

  /// Up to 64 KiB; nil at the end or after an error.
  package func receive() -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return count > 0 ? Array(buffer[..<count]) : nil
  }

  /// Sends everything; false when the other side is gone.
  package func send(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  /// Ends both directions, which wakes every call that waits on the socket.
  package func shutDown() {
    shutdown(descriptor, Int32(SHUT_RDWR))
  }

  private func withAddress(
    port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
