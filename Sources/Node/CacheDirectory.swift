/// Where a cache lies: the flag, the environment, or the place the system keeps caches.
package struct CacheDirectory: Sendable {
  package let path: String

  /// The directory of `flag`, else `CULLET_CACHE`, else the user's own.
  package init(flag: String?, environment: [String: String], userID: UInt32) {
    if let flag {
      path = flag
    } else if let variable = environment["CULLET_CACHE"], !variable.isEmpty {
      path = variable
    } else if userID == 0 {
      path = "/var/cache/cullet"
    } else if let base = environment["XDG_CACHE_HOME"], base.hasPrefix("/") {
      path = "\(base)/cullet"
    } else {
      path = "\(environment["HOME"] ?? "/tmp")/.cache/cullet"
    }
  }

  /// The socket at which the owner answers.
  package var socketPath: String { "\(path)/control.sock" }

  /// What a background mount logs to.
  package var logPath: String { "\(path)/cullet.log" }
}
