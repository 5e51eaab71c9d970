internal import FUSEServer
internal import Linux

/// Ends mounts, whoever serves them and also when nobody does any more.
package enum Unmounting {
  /// Unmounts what is on `directory`; returns when its owner has let go of it.
  package static func unmount(
    _ directory: String, lazily: Bool, cache: CacheDirectory
  ) throws(Failure) {
    let path = mountPath(directory)
    if let client = try ControlClient(directory: cache), try client.unmount(path, lazily: lazily) {
      client.waitForRelease()
      return
    }
    do throws(FUSEError) {
      try Mount.unmount(path, lazy: lazily)
    } catch {
      throw Failure(error)
    }
  }

  /// The directory's real path; that of a dead mount cannot be looked up, but its parent's can.
  private static func mountPath(_ directory: String) -> String {
    if let path = try? MountCalls.canonicalPath(directory) { return path }
    guard let parent = try? MountCalls.canonicalPath(Paths.parent(of: directory)) else {
      return directory
    }
    let name = directory.split(separator: "/").last ?? ""
    return parent == "/" ? "/\(name)" : "\(parent)/\(name)"
  }
}
