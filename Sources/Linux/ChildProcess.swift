internal import Bytes
internal import CLinux

/// A program run to its end: small helpers such as fusermount3.
///
/// The child gets no input, the parent's output, a pipe for its errors and, if asked for, one
/// descriptor more as number 3; everything else is close-on-exec.
package struct ChildProcess: ~Copyable {
  package struct Outcome: Sendable {
    /// Nil when a signal ended the program.
    package let exitStatus: Int32?
    /// What it wrote to its standard error, without the last newline.
    package let complaint: String
  }

  private let processID: pid_t
  private let errors: FileDescriptor

  /// Starts `program`, searched for in PATH; ENOENT when there is none.
  package init(
    running program: String, _ arguments: [String], environment additions: [String] = [],
    descriptor3: Int32? = nil
  ) throws(SystemError) {
    let pipe = try DescriptorPair.pipe()
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, pipe.second.rawValue, 2)
    if let descriptor3 {
      unsafe posix_spawn_file_actions_adddup2(&actions, descriptor3, 3)
    }
    var processID = pid_t()
    let status = unsafe withCStrings([program] + arguments) { argv in
      unsafe withCStrings(additions + Self.inheritedEnvironment(without: additions)) { envp in
        unsafe posix_spawnp(&processID, program, &actions, nil, argv, envp)
      }
    }
    guard status == 0 else {
      throw SystemError(
        call: "posix_spawn", errno: Errno(rawValue: status), subject: program)
    }
    self.processID = processID
    // The child has the only writing end now, so the pipe ends with it.
    errors = pipe.keepingFirst()
  }

  /// Waits for the end of the program and of its standard error; kills it when `deadline` has come,
  /// in monotonic nanoseconds.
  package consuming func wait(until deadline: UInt64? = nil) throws(SystemError) -> Outcome {
    var complaint: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1024)
    while true {
      if let deadline, try !hasErrors(before: deadline) {
        _ = kill(processID, SIGKILL)
        break
      }
      var span = buffer.mutableRawSpan
      let count = try errors.read(into: &span)
      if count == 0 { break }
      // Enough for any message; the rest is read only to let the program go on.
      if complaint.count < 4096 { complaint += buffer.prefix(count) }
    }
    while complaint.last == UInt8(ascii: "\n") { complaint.removeLast() }
    var status: Int32 = 0
    _ = try retryingInterrupts("waitpid") { Int(unsafe waitpid(processID, &status, 0)) }
    return Outcome(
      exitStatus: cullet_exited(status) != 0 ? cullet_exit_status(status) : nil,
      complaint: String(decoding: complaint, as: UTF8.self))
  }

  /// Waits for the program to write to its standard error or to end; false when it did neither in
  /// time.
  private func hasErrors(before deadline: UInt64) throws(SystemError) -> Bool {
    while true {
      let now = MonotonicClock.now
      guard now < deadline else { return false }
      let milliseconds = Int32(clamping: (deadline - now) / 1_000_000 + 1)
      var request = pollfd(fd: errors.rawValue, events: Int16(POLLIN), revents: 0)
      let count = try retryingInterrupts("poll") { Int(unsafe poll(&request, 1, milliseconds)) }
      if count > 0 { return true }
    }
  }

  /// The parent's environment, less the variables that `additions` ("NAME=value") set.
  private static func inheritedEnvironment(without additions: [String]) -> [String] {
    let names = additions.map { $0.prefix { $0 != "=" } + "=" }
    var inherited: [String] = []
    var next = unsafe cullet_environment()
    while let pointer = unsafe next, let entry = unsafe pointer.pointee {
      let text = unsafe String(cString: entry)
      if !names.contains(where: { text.hasPrefix($0) }) { inherited.append(text) }
      unsafe next = pointer + 1
    }
    return inherited
  }
}

/// Runs `body` with `strings` as C wants them: an array of NUL-terminated copies that ends in nil.
private func withCStrings<Result>(
  _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
  let copies = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(
    capacity: strings.count + 1)
  for (index, string) in strings.enumerated() {
    unsafe (copies + index).initialize(to: strdup(string))
  }
  unsafe (copies + strings.count).initialize(to: nil)
  defer {
    for index in strings.indices { unsafe free(copies[index]) }
    unsafe copies.deallocate()
  }
  return unsafe body(copies)
}
