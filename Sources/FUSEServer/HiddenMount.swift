package import Linux

/// A FUSE filesystem that is mounted nowhere: only this process, and what it tells the kernel to open
/// there, can reach its files.
///
/// It ends with the last file that is open in it once this is gone; its ``Session`` ends then.
package struct HiddenMount: Sendable {
  /// Its root, or that of a mount on its files, which keeps the mount but not the connection: who waits
  /// for an answer through it gets an error when the session has gone.
  package struct Root: Sendable {
    let mount: DetachedMount

    /// Gives its files the read-ahead window that other mounts have; waits for the ``Session``.
    package func raiseReadAhead() {
      guard let number = try? mount.device() else { return }
      Mount.raiseReadAhead(ofDevice: number, to: MountOptions().readAheadByteCount)
    }

    /// Opens the file called `name` in the root; waits for the ``Session``.
    package func open(_ name: String) throws(SystemError) -> FileDescriptor {
      try mount.open(name)
    }
  }

  let mount: DetachedMount
  package let device: FUSEDevice

  /// Mounts it; needs root.
  ///
  /// Nothing answers before a ``Session`` serves ``device``.
  package init() throws(FUSEError) {
    let descriptor = try Mount.openDevice(for: "")
    do throws(SystemError) {
      mount = try DetachedMount(
        type: "fuse",
        settings: [
          ("source", "cullet"), ("fd", "\(descriptor.rawValue)"), ("rootmode", "40000"),
          ("user_id", "\(MountCalls.userID)"), ("group_id", "\(MountCalls.groupID)"),
          ("default_permissions", nil), ("max_read", "\(ServingOptions.readByteCountMax)"),
          ("ro", nil),
        ], flags: [.readOnly, .noSetUserID, .noDevices])
    } catch {
      throw FUSEError(error, path: "")
    }
    device = FUSEDevice(adopting: descriptor)
  }

  package var root: Root { Root(mount: mount) }
}
