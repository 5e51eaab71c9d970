internal import Bytes
internal import Linux

/// How a filesystem is mounted.
package struct MountOptions: Sendable {
  /// Whether other users may enter; the permissions of the files apply to them as usual.
  ///
  /// Root may always grant this; others only if /etc/fuse.conf has `user_allow_other`.
  package var allowsOtherUsers: Bool
  /// Whether set-user-ID bits work; root only.
  package var allowsSetUserID: Bool
  /// Whether device nodes can be opened, rather than only seen; root only.
  package var allowsDevices: Bool
  /// The kernel's read-ahead window per file, in bytes; root only, otherwise 128 KiB.
  package var readAheadByteCount: Int

  package init(
    allowsOtherUsers: Bool = MountCalls.userID == 0, allowsSetUserID: Bool = false,
    allowsDevices: Bool = false, readAheadByteCount: Int = 1 << 20
  ) {
    self.allowsOtherUsers = allowsOtherUsers
    self.allowsSetUserID = allowsSetUserID
    self.allowsDevices = allowsDevices
    self.readAheadByteCount = readAheadByteCount
  }
}

extension Mount {
  /// Mounts on `directory`, read-only, by mount(2) as root and by fusermount3 otherwise.
  ///
  /// Nothing answers yet: whoever looks into `directory` waits until a ``Session`` serves the
  /// device. `source` is what ``list()`` and df(1) show. A directory that is a mount point is
  /// refused.
  package static func attach(
    source: String, on directory: String, options: MountOptions = MountOptions()
  ) throws(FUSEError) -> FUSEDevice {
    let path = try MountPoint.free(at: directory)
    if MountCalls.userID != 0 {
      return try MountHelper.attach(source: source, on: path, options: options)
    }
    let device = try openDevice(for: path)
    var flags: MountCalls.Flags = .readOnly
    if !options.allowsSetUserID { flags.insert(.noSetUserID) }
    if !options.allowsDevices { flags.insert(.noDevices) }
    // The kernel checks permissions by itself: the filesystem is never asked.
    var settings = [
      "fd=\(device.rawValue)", "rootmode=40000", "user_id=\(MountCalls.userID)",
      "group_id=\(MountCalls.groupID)", "default_permissions",
      "max_read=\(ServingOptions.readByteCountMax)",
    ]
    if options.allowsOtherUsers { settings.append("allow_other") }
    do throws(SystemError) {
      try MountCalls.mount(
        source: source, on: path, type: culletType, flags: flags,
        options: settings.joined(separator: ","))
    } catch {
      if error.errno == .busy { throw FUSEError(.mountPointTaken, path: path) }
      if error.errno == .noSuchDevice { throw FUSEError(.deviceMissing, path: path) }
      throw FUSEError(error, path: path)
    }
    raiseReadAhead(of: path, to: options.readAheadByteCount)
    return FUSEDevice(adopting: device)
  }

  /// The device of a connection that is still to come, for a mount on `path`.
  static func openDevice(for path: String) throws(FUSEError) -> FileDescriptor {
    do throws(SystemError) {
      return try FileDescriptor(opening: "/dev/fuse", .readWrite)
    } catch {
      switch error.errno {
      case .noSuchFile, .noSuchDevice, .noDeviceAddress: throw FUSEError(.deviceMissing, path: path)
      default: throw FUSEError(error, path: path)
      }
    }
  }

  /// Takes away the mount on `path`, whether anybody serves it or not.
  ///
  /// A mount in use is refused unless `lazy`: that one is out of sight at once, and ends when the
  /// last file in it is closed.
  package static func unmount(_ path: String, lazy: Bool = false) throws(FUSEError) {
    let directory = try MountPoint.canonical(path)
    guard let mount = try topmost(on: directory) else {
      throw FUSEError(.notMounted, path: directory)
    }
    guard let driver = mount.driver else {
      throw FUSEError(.foreignMount, path: directory, detail: mount.type)
    }
    if MountCalls.userID != 0, driver == .fuse {
      return try MountHelper.unmount(directory, lazy: lazy)
    }
    do throws(SystemError) {
      try MountCalls.unmount(directory, lazily: lazy)
      if driver == .kernel { ServedMark.removeLeft(device: mount.device) }
    } catch {
      switch error.errno {
      case .busy: throw FUSEError(.mountInUse, path: directory)
      case .invalidArgument: throw FUSEError(.notMounted, path: directory)
      default: throw FUSEError(error, path: directory)
      }
    }
  }

  /// Sets the mount's read-ahead window in sysfs: INIT can only lower it from its 128 KiB.
  ///
  /// Best effort. Without it everything works, in smaller requests.
  private static func raiseReadAhead(of directory: String, to byteCount: Int) {
    guard let mount = try? topmost(on: directory) else { return }
    raiseReadAhead(ofDevice: mount.device, to: byteCount)
  }

  /// As above, for the mount whose files show `device`.
  static func raiseReadAhead(ofDevice device: String, to byteCount: Int) {
    let path = "/sys/class/bdi/\(device)/read_ahead_kb"
    guard let file = try? FileDescriptor(opening: path, .writeOnly) else { return }
    try? file.write(Array("\(byteCount >> 10)".utf8).rawSpan)
  }
}
