internal import Bytes
internal import CLinux

/// A filesystem that is mounted, but nowhere: only its owner reaches it, whatever happens.
///
/// When the owner goes, so does the filesystem, with the last file that is open in it; unless it was
/// given a place in the tree. Thread-safe.
package final class DetachedMount: Sendable {
  private let root: FileDescriptor

  /// Mounts a filesystem of `type`; needs CAP_SYS_ADMIN and Linux 5.2.
  ///
  /// Each of `settings` is a mount option; one without a value is a flag. What the kernel says of a
  /// refusal, if anything, is the error's subject.
  package init(
    type: String, settings: [(name: String, value: String?)], flags: MountCalls.Flags
  ) throws(SystemError) {
    let context = FileDescriptor(
      adopting: Int32(
        try retryingInterrupts("fsopen", type) { Int(unsafe cullet_fsopen(type)) }))
    do throws(SystemError) {
      for (name, value) in settings {
        _ = try retryingInterrupts("fsconfig", name) {
          Int(unsafe cullet_fsconfig_set(context.rawValue, name, value))
        }
      }
      _ = try retryingInterrupts("fsconfig") { Int(cullet_fsconfig_create(context.rawValue)) }
      let mounted = try retryingInterrupts("fsmount") {
        // The attributes have the bits of mount(2)'s flags as far as there are names for them.
        Int(cullet_fsmount(context.rawValue, UInt32(flags.rawValue)))
      }
      root = FileDescriptor(adopting: Int32(mounted))
    } catch {
      let complaint = Self.complaint(of: context)
      throw SystemError(
        call: error.call, errno: error.errno, subject: complaint.isEmpty ? error.subject : complaint
      )
    }
  }

  /// The mount that the peer of `socket` sent with ``send(to:)``; it goes with the last who has it.
  package init(receivingFrom socket: borrowing FileDescriptor) throws(SystemError) {
    root = try socket.receiveDescriptor()
  }

  /// Sends it to the peer of `socket`, a connected Unix socket.
  package func send(to socket: borrowing FileDescriptor) throws(SystemError) {
    try socket.sendDescriptor(root)
  }

  /// What the kernel said last about `context`; empty when nothing.
  private static func complaint(of context: borrowing FileDescriptor) -> String {
    var last = ""
    var buffer = [UInt8](repeating: 0, count: 1024)
    while true {
      var span = buffer.mutableRawSpan
      // A message a call, "e " before errors; ENODATA after the last.
      guard let count = try? context.read(into: &span), count > 0 else { return last }
      if buffer[0] == UInt8(ascii: "e") {
        last = String(decoding: buffer[..<count].dropFirst(2), as: UTF8.self)
        while last.last?.isNewline == true { last.removeLast() }
      }
    }
  }

  /// The device number that its files show, "major:minor", as in /proc/self/mountinfo.
  package func device() throws(SystemError) -> String {
    var status = stat()
    _ = try retryingInterrupts("fstat") { Int(unsafe fstat(root.rawValue, &status)) }
    return "\(cullet_major(status.st_dev)):\(cullet_minor(status.st_dev))"
  }

  /// Opens `path`, relative to the root of the mount, for reading.
  package func open(_ path: String) throws(SystemError) -> FileDescriptor {
    FileDescriptor(
      adopting: Int32(
        try retryingInterrupts("openat", path) {
          Int(unsafe cullet_openat(root.rawValue, path, O_RDONLY | O_CLOEXEC, 0))
        }))
  }

  /// Gives the filesystem its place on `directory`, where it stays when this goes.
  package func attach(to directory: String) throws(SystemError) {
    _ = try retryingInterrupts("move_mount", directory) {
      Int(unsafe cullet_move_mount(root.rawValue, directory))
    }
  }

  /// Runs `body` on a thread of its own with the root of the mount as its working directory, so
  /// that it can name files there; returns when it is done.
  package func withWorkingDirectory<Value: Sendable>(
    _ body: @escaping @Sendable () throws(SystemError) -> Value
  ) throws(SystemError) -> Value {
    let outcome = Lock(Result<Value, SystemError>?.none)
    let thread = try Thread(name: "mounting") { [self] in
      let result: Result<Value, SystemError>
      do throws(SystemError) {
        // Threads share a working directory until one asks for its own.
        _ = try retryingInterrupts("unshare") { Int(unshare(CLONE_FS)) }
        _ = try retryingInterrupts("fchdir") { Int(fchdir(root.rawValue)) }
        result = .success(try body())
      } catch {
        result = .failure(error)
      }
      outcome.withLock { $0 = result }
    }
    thread.join()
    guard let result = outcome.withLock({ $0 }) else {
      preconditionFailure("a thread that ended has a result")
    }
    return try result.get()
  }
}
