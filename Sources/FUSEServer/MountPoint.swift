internal import Linux

/// Paths on their way to mount(2), checked first so that refusals can say what is the matter.
enum MountPoint {
  /// The canonical path of a directory that is free to be mounted on.
  static func free(at path: String) throws(FUSEError) -> String {
    let directory = try canonical(path)
    if try Mount.topmost(on: directory) != nil {
      throw FUSEError(.mountPointTaken, path: directory)
    }
    do throws(SystemError) {
      _ = try FileDescriptor(opening: directory, [.pathOnly, .directory])
    } catch {
      throw refusal(error, path: directory)
    }
    return directory
  }

  /// `path` without links and dots; a dead mount, which cannot be looked into, has one, too.
  static func canonical(_ path: String) throws(FUSEError) -> String {
    do throws(SystemError) {
      return try MountCalls.canonicalPath(path)
    } catch {
      guard error.errno == .notConnected || error.errno == .ioError else {
        throw refusal(error, path: path)
      }
    }
    // The parent still answers; the last component is then taken to be no symbolic link.
    var trimmed = Substring(path)
    while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
    let name = trimmed.split(separator: "/").last ?? ""
    let parent = trimmed.dropLast(name.count)
    do throws(SystemError) {
      let directory = try MountCalls.canonicalPath(parent.isEmpty ? "." : String(parent))
      return directory == "/" ? "/\(name)" : "\(directory)/\(name)"
    } catch {
      throw refusal(error, path: path)
    }
  }

  private static func refusal(_ error: SystemError, path: String) -> FUSEError {
    switch error.errno {
    case .noSuchFile: FUSEError(.mountPointMissing, path: path)
    case .notDirectory: FUSEError(.mountPointNotDirectory, path: path)
    case .notConnected: FUSEError(.mountPointTaken, path: path, detail: "by a dead mount")
    default: FUSEError(error, path: path)
    }
  }
}
