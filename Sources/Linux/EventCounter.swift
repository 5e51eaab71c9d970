internal import CLinux

/// A descriptor that one thread makes ready and another waits for: eventfd(2).
package struct EventCounter: ~Copyable, Sendable {
  /// Ready (POLLIN) after a ``signal()`` until somebody reads it.
  package let descriptor: FileDescriptor

  package init() throws(SystemError) {
    let flags = Int32(EFD_CLOEXEC | EFD_NONBLOCK)
    descriptor = FileDescriptor(
      adopting: Int32(try retryingInterrupts("eventfd") { Int(eventfd(0, flags)) }))
  }

  /// Wakes whoever waits; safe from any thread.
  package func signal() {
    // It fails only when the counter is full, and then it is ready anyway.
    _ = eventfd_write(descriptor.rawValue, 1)
  }

  /// The bare descriptor.
  package consuming func intoDescriptor() -> FileDescriptor {
    descriptor
  }
}
