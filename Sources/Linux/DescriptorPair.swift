internal import CLinux

/// Two connected descriptors.
package struct DescriptorPair: ~Copyable {
  /// Where a pipe is read; one of a socket pair's two equal ends.
  package let first: FileDescriptor
  /// Where a pipe is written; the other end.
  package let second: FileDescriptor

  /// A one-way pipe.
  package static func pipe() throws(SystemError) -> DescriptorPair {
    var ends: (Int32, Int32) = (-1, -1)
    _ = try retryingInterrupts("pipe2") {
      unsafe withUnsafeMutableBytes(of: &ends) { bytes in
        Int(unsafe pipe2(bytes.bindMemory(to: Int32.self).baseAddress, O_CLOEXEC))
      }
    }
    return DescriptorPair(
      first: FileDescriptor(adopting: ends.0), second: FileDescriptor(adopting: ends.1))
  }

  /// A pair of connected stream sockets.
  package static func sockets() throws(SystemError) -> DescriptorPair {
    var ends: (Int32, Int32) = (-1, -1)
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    _ = try retryingInterrupts("socketpair") {
      unsafe withUnsafeMutableBytes(of: &ends) { bytes in
        Int(unsafe socketpair(AF_UNIX, type, 0, bytes.bindMemory(to: Int32.self).baseAddress))
      }
    }
    return DescriptorPair(
      first: FileDescriptor(adopting: ends.0), second: FileDescriptor(adopting: ends.1))
  }

  /// Closes the second end.
  package consuming func keepingFirst() -> FileDescriptor {
    first
  }
}

extension FileDescriptor {
  /// Sends a copy of `descriptor` to the peer of this socket.
  package func sendDescriptor(_ descriptor: borrowing FileDescriptor) throws(SystemError) {
    let sent = descriptor.rawValue
    _ = try retryingInterrupts("sendmsg") { Int(cullet_send_descriptor(rawValue, sent)) }
  }

  /// Receives the descriptor that the peer of this socket sends; ENOMSG when it sends none.
  package func receiveDescriptor() throws(SystemError) -> FileDescriptor {
    let received = try retryingInterrupts("recvmsg") { Int(cullet_receive_descriptor(rawValue)) }
    return FileDescriptor(adopting: Int32(received))
  }
}
