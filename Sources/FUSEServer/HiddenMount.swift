package import Linux

/// A FUSE filesystem that is mounted nowhere, or a mount on its files: only this process, and what it
/// tells the kernel to open there, can reach it.
///
/// It ends with the last file that is open in it once this is gone; its ``Session`` ends then. This
/// keeps the mount but not the connection: who waits for an answer through it gets an error when the
/// session has gone.
package struct HiddenMount: Sendable {
  let mount: DetachedMount

  /// Mounts `filesystem`; needs root.
  ///
  /// Nothing answers before the session runs, which alone has the device: when it fails, nobody waits.
  package static func make(
    of filesystem: any Filesystem, _ options: ServingOptions
  ) throws(FUSEError) -> (HiddenMount, Session) {
    let descriptor = try Mount.openDevice(for: "")
    let mount: DetachedMount
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
    let session = Session(
      filesystem: filesystem, device: FUSEDevice(adopting: descriptor), options: options)
    return (HiddenMount(mount: mount), session)
  }

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
