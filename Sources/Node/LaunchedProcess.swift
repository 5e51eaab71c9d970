internal import Linux

/// What the starter of a background mount tells it, and what it answers.
///
/// Over a socket rather than in the arguments, which every user of the machine can read: a source
/// may hold a password.
struct LaunchRequest: Codable, Sendable {
  /// The child inherits descriptor 3 for this.
  static let descriptor: Int32 = 3

  let cacheDirectory: String
  let mount: MountRequest
}

/// How mounting went: nil for well.
struct LaunchOutcome: Codable, Sendable {
  let failure: Failure?
}

/// The background process's side of its start.
package final class LaunchedProcess: Sendable {
  private let channel: Lock<ControlChannel?>

  /// Talks to the process that started this one.
  package init() throws(Failure) {
    do throws(SystemError) {
      // Fails when nobody handed a descriptor over: the command was typed by a person.
      let socket = try FileDescriptor.inherited(LaunchRequest.descriptor)
      channel = Lock(ControlChannel(socket))
    } catch {
      throw Failure(.usage, "mount-server is started by 'cullet mount' only")
    }
  }

  /// The cache and the mount to serve.
  package func receiveRequest() throws(Failure) -> (CacheDirectory, MountRequest) {
    guard let channel = channel.withLock({ $0 }),
      let request = try channel.receive(LaunchRequest.self)
    else { throw Failure(.usage, "mount-server is started by 'cullet mount' only") }
    return (CacheDirectory(path: request.cacheDirectory), request.mount)
  }

  /// Reports success, or `failure`, and cuts the tie to the parent; later calls do nothing.
  ///
  /// False when the parent has gone: whoever typed the command changed their mind.
  package func report(_ failure: Failure?) -> Bool {
    guard let channel = channel.withLock({ $0.take() }) else { return true }
    do throws(Failure) {
      try channel.send(LaunchOutcome(failure: failure))
      return true
    } catch {
      return false
    }
  }
}
