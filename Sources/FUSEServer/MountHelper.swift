internal import Linux

/// Mounting by fusermount3, the set-user-ID program that lets everybody use FUSE.
///
/// It opens /dev/fuse, mounts, and passes the descriptor back through the socket that
/// `_FUSE_COMMFD` names.
enum MountHelper {
  /// The names it goes by, the newer first.
  private static let programs = ["fusermount3", "fusermount"]

  static func attach(
    source: String, on directory: String, options: MountOptions
  ) throws(FUSEError) -> FUSEDevice {
    var settings = [
      "fsname=\(escape(source))", "subtype=cullet", "ro", "nosuid", "nodev",
      "default_permissions", "max_read=\(ServingOptions.readByteCountMax)",
    ]
    if options.allowsOtherUsers { settings.append("allow_other") }
    let pair = try FUSEError.naming(directory) { () throws(SystemError) in
      try DescriptorPair.sockets()
    }
    let child = try start(
      ["-o", settings.joined(separator: ","), "--", directory], path: directory,
      environment: ["_FUSE_COMMFD=3"], descriptor3: pair.second.rawValue)
    // The child must have the only other end, or its death would go unnoticed.
    let socket = pair.keepingFirst()
    // Without a descriptor the program's own words say more than the socket.
    let device = try? socket.receiveDescriptor()
    let outcome = try finish(child, path: directory)
    guard outcome.exitStatus == 0, let device else { throw refusal(outcome, path: directory) }
    return FUSEDevice(adopting: device)
  }

  static func unmount(_ directory: String, lazy: Bool) throws(FUSEError) {
    let child = try start(["-u"] + (lazy ? ["-z"] : []) + ["--", directory], path: directory)
    let outcome = try finish(child, path: directory)
    guard outcome.exitStatus == 0 else { throw refusal(outcome, path: directory) }
  }

  private static func start(
    _ arguments: [String], path: String, environment: [String] = [], descriptor3: Int32? = nil
  ) throws(FUSEError) -> ChildProcess {
    for program in programs {
      do throws(SystemError) {
        // Messages are recognised below, so they have to be the untranslated ones.
        return try ChildProcess(
          running: program, arguments, environment: environment + ["LC_ALL=C"],
          descriptor3: descriptor3)
      } catch {
        if error.errno != .noSuchFile { throw FUSEError(error, path: path) }
      }
    }
    throw FUSEError(.helperMissing, path: path)
  }

  private static func finish(
    _ child: consuming ChildProcess, path: String
  ) throws(FUSEError) -> ChildProcess.Outcome {
    do throws(SystemError) {
      return try child.wait()
    } catch {
      throw FUSEError(error, path: path)
    }
  }

  private static func refusal(_ outcome: ChildProcess.Outcome, path: String) -> FUSEError {
    let complaint = outcome.complaint
    let code: FUSEError.Code =
      if complaint.contains("busy") {
        .mountInUse
      } else if complaint.contains("device not found") {
        .deviceMissing
      } else if complaint.contains("ermission denied") || complaint.contains("no write access")
        // Mounted, as the caller has seen, but not by this user.
        || complaint.contains("not found in")
      {
        .permissionDenied
      } else {
        .helperFailed
      }
    return FUSEError(code, path: path, detail: complaint)
  }

  /// `source` as an option's value, in which commas separate and backslashes escape.
  static func escape(_ source: String) -> String {
    var escaped = ""
    for character in source.unicodeScalars {
      if character == "," || character == "\\" { escaped.append("\\") }
      escaped.unicodeScalars.append(character)
    }
    return escaped
  }
}
