internal import CLinux

/// Starting a program that outlives its parent.
package enum DetachedProcess {
  /// Starts `path` with `arguments` (the first is the program's own name) in a session of its own.
  ///
  /// The descriptors handed over, each above 2, are all that the child inherits: they become its
  /// 0, 1, 2 and so on, in order.
  package static func start(
    _ path: String, arguments: [String], descriptors: [Int32]
  ) throws(SystemError) -> Int32 {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    for (target, source) in descriptors.enumerated() {
      unsafe posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
    }
    // What our own parent left open would tie it to the child: it may wait for the end of a pipe.
    unsafe posix_spawn_file_actions_addclosefrom_np(&actions, Int32(descriptors.count))
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSID))
    var vector = unsafe arguments.map { unsafe strdup($0) }
    unsafe vector.append(nil)
    defer { unsafe vector.forEach { unsafe free($0) } }
    var process: Int32 = 0
    let status = unsafe posix_spawn(
      &process, path, &actions, &attributes, vector, cullet_environment())
    guard status == 0 else {
      throw SystemError(call: "posix_spawn", errno: Errno(rawValue: status), subject: path)
    }
    return process
  }
}
