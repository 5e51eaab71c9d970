package import Linux

/// The kernel's end of a mount: the descriptor through which its requests come and replies go.
///
/// When the last one of a connection is closed, the mount is dead: what asks it gets ENOTCONN.
package final class FUSEDevice: Sendable {
  let descriptor: FileDescriptor

  /// Takes ownership of `descriptor`, /dev/fuse opened and attached to a mount, or a stand-in for
  /// it.
  package init(adopting descriptor: consuming FileDescriptor) {
    self.descriptor = descriptor
  }

  /// A device with a request queue of its own for the same mount; this one itself when the kernel
  /// or the permissions of /dev/fuse do not allow it, which works as well but contends more.
  func cloneOrSelf() -> FUSEDevice {
    guard let clone = try? descriptor.cloneFUSEConnection() else { return self }
    return FUSEDevice(adopting: clone)
  }
}
