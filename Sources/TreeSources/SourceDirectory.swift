internal import Bytes
internal import Linux

/// An open directory whose tree is read; safe to use from any thread.
///
/// Paths are found beneath it and nowhere else, whatever somebody renames or links meanwhile.
final class SourceDirectory: Sendable {
  let handle: DirectoryHandle
  /// How the command named it.
  private let name: String

  /// Opens the directory `name`; a symbolic link to one is followed.
  init(_ name: String) throws(TreeSourceError) {
    self.name = name
    do throws(SystemError) {
      handle = try DirectoryHandle(opening: name)
    } catch {
      throw TreeSourceError(.system(error.errno), name)
    }
  }

  /// Opens the regular file at `path`.
  func open(_ path: FileName) throws(TreeSourceError) -> FileDescriptor {
    do throws(SystemError) {
      // Not blocking, should it have become a pipe.
      return try FileDescriptor(
        openingBeneath: handle.descriptor, path, [.readOnly, .noFollow, .nonBlocking])
    } catch {
      throw self.error(.system(error.errno), path)
    }
  }

  /// Opens the directory at `path`, which is empty for this one.
  func openDirectory(_ path: FileName) throws(TreeSourceError) -> DirectoryHandle {
    do throws(SystemError) {
      return try handle.openDirectory(beneath: path.bytes.isEmpty ? FileName(".") : path)
    } catch {
      throw self.error(.system(error.errno), path)
    }
  }

  /// What went wrong with the file at `path`.
  func error(_ code: TreeSourceError.Code, _ path: FileName) -> TreeSourceError {
    TreeSourceError(code, path.bytes.isEmpty ? name : "\(name)/\(path.text)")
  }
}
