internal import Linux

/// A mount of the kernel's own EROFS, on files rather than a block device.
package enum KernelMount {
  /// What is mounted.
  package struct Request: Sendable {
    /// The image: a path, absolute or below the root of the hidden mount.
    package var image: String
    /// The extra devices, in order of the device table; paths likewise.
    package var devices: [String]
    /// Whose files may share pages with those of others of the same name; nil for nobody's.
    package var domain: String?
    /// Whether all of it is on this machine, so that reading ahead in vain costs no traffic.
    package var isAtHand: Bool

    package init(image: String, devices: [String], domain: String?, isAtHand: Bool) {
      self.image = image
      self.devices = devices
      self.domain = domain
      self.isAtHand = isAtHand
    }
  }

  /// Mounts on `directory` what `request` names, some of it in `hidden`, which is being served.
  ///
  /// Needs root, and Linux 6.12 with file-backed mounts. A directory that is a mount point is
  /// refused. The calling thread must not be one of those that serve `hidden`; when they end, this fails.
  /// Returns the note for those who come across the mount: whoever serves it holds it to the end, and
  /// removes it then.
  package static func attach(
    _ request: Request, in hidden: HiddenMount?, on directory: String
  ) throws(FUSEError) -> ServedMark {
    let path = try MountPoint.free(at: directory)
    let mount = try make(request, in: hidden?.mount, for: path)
    do throws(SystemError) {
      let mark = try ServedMark(
        device: mount.device(), source: request.image, needsServer: hidden != nil)
      do throws(SystemError) {
        try mount.attach(to: path)
      } catch {
        mark.remove()
        throw error
      }
      return mark
    } catch {
      throw FUSEError(error, path: path)
    }
  }

  /// Mounts what `request` names, all of it in `hidden`, which is being served, on no directory.
  ///
  /// As for ``attach(_:in:on:)``. Its files can be opened by what is returned; it ends with that and the
  /// last of them.
  package static func hide(
    _ request: Request, in hidden: HiddenMount
  ) throws(FUSEError) -> HiddenMount {
    HiddenMount(mount: try make(request, in: hidden.mount, for: request.image))
  }

  /// Returns when the mount that left `mark` is on no directory any more, or soon after `isOver`.
  package static func waitForEnd(
    of mark: ServedMark, unless isOver: () -> Bool
  ) throws(FUSEError) {
    let table = try FUSEError.naming(Mount.tablePath) { () throws(SystemError) in
      try FileDescriptor(opening: Mount.tablePath, .readOnly)
    }
    var changes = PollSet()
    _ = changes.add(table, .exceptional)
    while !isOver(), try Mount.isListed(device: mark.device) {
      do throws(Errno) {
        try changes.wait(milliseconds: 1000)
      } catch {
        throw FUSEError(.system(error), path: Mount.tablePath)
      }
    }
  }

  /// The options to try, the best first: kernels refuse what they do not know.
  private static func alternatives(_ request: Request) -> [[(name: String, value: String?)]] {
    // Past the page cache of the files below, which would have everything twice; Linux 6.15.
    let direct: [(name: String, value: String?)] = [("directio", nil)]
    guard let domain = request.domain else { return [direct, []] }
    // Linux 7.0.
    let shared: [(name: String, value: String?)] = [("inode_share", nil), ("domain_id", domain)]
    return [direct + shared, shared, direct, []]
  }

  private static func make(
    _ request: Request, in hidden: DetachedMount?, for path: String
  ) throws(FUSEError) -> DetachedMount {
    let fixed: [(name: String, value: String?)] =
      [("source", request.image)] + request.devices.map { ("device", $0) }
    let windows = ReadAheadWindows()
    var refusal = SystemError(call: "fsconfig", errno: .invalidArgument)
    for options in alternatives(request) {
      do throws(SystemError) {
        let make: @Sendable () throws(SystemError) -> DetachedMount = { () throws(SystemError) in
          try DetachedMount(
            type: "erofs", settings: fixed + options,
            flags: [.readOnly, .noSetUserID, .noDevices])
        }
        let mount: DetachedMount
        if let hidden { mount = try hidden.withWorkingDirectory(make) } else { mount = try make() }
        windows.raiseNewest(isAtHand: request.isAtHand)
        return mount
      } catch {
        refusal = error
        guard error.errno == .invalidArgument || error.errno == .notSupported else { break }
      }
    }
    throw FUSEError(refusing: refusal, path: path)
  }
}

extension FUSEError {
  /// What it means that the kernel's EROFS refused an image with `error`.
  fileprivate init(refusing error: SystemError, path: String) {
    switch error.errno {
    case .noSuchDevice, .notImplemented: self.init(.kernelLacksEROFS, path: path)
    case .blockDeviceNeeded: self.init(.kernelLacksFileMounts, path: path)
    case .invalidArgument, .notSupported, .needsCleaning:
      self.init(.imageRefused, path: path, detail: error.subject)
    default: self.init(error, path: path)
    }
  }
}
