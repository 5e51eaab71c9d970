internal import Linux

/// A FUSE filesystem that is mounted nowhere, for the kernel's EROFS to open its files.
///
/// It ends with the last file that is open in it once this is gone; its ``Session`` ends then.
package struct HiddenMount: Sendable {
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
}
