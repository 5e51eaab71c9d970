internal import Linux

/// Where a cache lies: the flag, the environment, or the place the system keeps caches.
package struct CacheDirectory: Sendable {
  /// Absolute, for a background process has another working directory.
  package let path: String

  /// The directory at `path`, which may be relative to the working directory.
  package init(path: String) {
    self.path = path.hasPrefix("/") ? path : "\(Paths.workingDirectory)/\(path)"
  }

  /// The directory of `flag`, else `CULLET_CACHE`, else the user's own.
  package init(flag: String?, environment: [String: String], userID: UInt32) {
    if let flag {
      self.init(path: flag)
    } else if let variable = environment["CULLET_CACHE"], !variable.isEmpty {
      self.init(path: variable)
    } else if userID == 0 {
      self.init(path: "/var/cache/cullet")
    } else if let base = environment["XDG_CACHE_HOME"], base.hasPrefix("/") {
      self.init(path: "\(base)/cullet")
    } else {
      self.init(path: "\(environment["HOME"] ?? "/tmp")/.cache/cullet")
    }
  }

  /// The socket at which the owner answers.
  package var socketPath: String { "\(path)/control.sock" }

  /// What a background mount logs to.
  package var logPath: String { "\(path)/cullet.log" }
}
