internal import CLinux

/// A file that has no name, or a provisional one, until it is complete.
///
/// Whoever looks at its path sees the former file, or none, until ``publish()``. Where the
/// filesystem can make files without names, nothing remains even of a process that was killed.
package struct UnpublishedFile: ~Copyable {
  package let descriptor: FileDescriptor
  private let path: String
  /// The provisional name, while there is one.
  private let temporaryPath: String
  private let isNamed: Bool
  private var isPublished = false

  /// A new empty file, to be read and written, that will be at `path`.
  package init(at path: String) throws(SystemError) {
    self.path = path
    temporaryPath = "\(path).\(CurrentProcess.id).new"
    do throws(SystemError) {
      descriptor = try FileDescriptor(
        opening: Paths.parent(of: path), OpenFlags.unnamed, mode: Self.mode)
      isNamed = false
    } catch {
      guard error.errno == .notSupported || error.errno == .isDirectory else { throw error }
      descriptor = try FileDescriptor(
        opening: temporaryPath, [.readWrite, .create, .exclusive, .noFollow], mode: Self.mode)
      isNamed = true
    }
  }

  deinit {
    if isNamed && !isPublished { _ = unsafe unlink(temporaryPath) }
  }

  /// Gives the file its name, in place of what had it.
  ///
  /// Durable only as far as the filesystem sees to it by itself.
  package mutating func publish() throws(SystemError) {
    if !isNamed {
      let source = "/proc/self/fd/\(descriptor.rawValue)"
      _ = try retryingInterrupts("linkat", path) {
        Int(unsafe linkat(AT_FDCWD, source, AT_FDCWD, temporaryPath, AT_SYMLINK_FOLLOW))
      }
    }
    do throws(SystemError) {
      _ = try retryingInterrupts("rename", path) { Int(unsafe rename(temporaryPath, path)) }
    } catch {
      _ = unsafe unlink(temporaryPath)
      throw error
    }
    isPublished = true
  }

  /// Like every new file that others may read: less what the umask takes.
  private static let mode: UInt32 = 0o666

  private typealias OpenFlags = FileDescriptor.OpenFlags
}

extension FileDescriptor.OpenFlags {
  /// A file without a name in the directory that is opened.
  fileprivate static let unnamed = FileDescriptor.OpenFlags(rawValue: O_TMPFILE | O_RDWR)
}

extension FileDescriptor {
  /// A new file without a name in `directory`, to be written and read, gone with its descriptor.
  package init(unnamedIn directory: String) throws(SystemError) {
    do throws(SystemError) {
      self = try FileDescriptor(opening: directory, .unnamed, mode: 0o600)
    } catch {
      guard error.errno == .notSupported || error.errno == .isDirectory else { throw error }
      let path = "\(directory)/.cullet.\(CurrentProcess.id).\(MonotonicClock.now)"
      self = try FileDescriptor(
        opening: path, [.readWrite, .create, .exclusive, .noFollow], mode: 0o600)
      _ = unsafe unlink(path)
    }
  }
}
