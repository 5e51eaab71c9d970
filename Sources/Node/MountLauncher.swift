internal import Bytes
internal import FoundationEssentials
internal import Linux

/// Finds or starts the process that will serve a mount.
package struct MountLauncher: Sendable {
  /// Who serves a cache.
  package enum Claim: Sendable {
    /// This process does now.
    case owned(Node)
    /// Another one does already.
    case served(ControlClient)
  }

  /// Another command that holds the cache for its own time is waited for this long.
  private static let patienceNanoseconds: UInt64 = 30_000_000_000

  private let directory: CacheDirectory
  private let request: MountRequest

  package init(directory: CacheDirectory, request: MountRequest) {
    self.directory = directory
    self.request = request
  }

  /// Becomes the resident owner of the cache at `directory`, or finds the one there is.
  package static func claim(
    _ directory: CacheDirectory, log: @escaping @Sendable (String) -> Void
  ) throws(Failure) -> Claim {
    let deadline = MonotonicClock.now + patienceNanoseconds
    while true {
      do throws(Failure) {
        return .owned(try Node(owning: directory, role: .resident, log: log))
      } catch {
        guard error.status == .tryAgain else { throw error }
        if let client = ControlClient(directory: directory), try client.isResident() {
          return .served(client)
        }
        guard MonotonicClock.now < deadline else { throw error }
        Thread.sleep(milliseconds: 50)
      }
    }
  }

  /// Mounts through the resident owner, or starts one in the background; returns when usable.
  package func mountInBackground() throws(Failure) {
    if let client = ControlClient(directory: directory), try client.isResident() {
      return try client.mount(request)
    }
    let report: FileDescriptor
    do throws(SystemError) {
      try Paths.createDirectory(directory.path, mode: 0o700)
      report = try start()
    } catch {
      throw Failure(
        error.errno == .accessDenied ? .noPermission : .cannotCreate, "\(error)")
    }
    try read(report)
  }

  /// Starts the serving process; returns where it will report.
  private func start() throws(SystemError) -> FileDescriptor {
    let pipe = try DescriptorPair.pipe()
    let null = try FileDescriptor(opening: "/dev/null", [.readWrite])
    let log = try FileDescriptor(
      opening: directory.logPath, [.writeOnly, .create, .append, .noFollow])
    var arguments = ["cullet", "mount", "--ready-descriptor", "3", "--cache", directory.path]
    for device in request.devices { arguments += ["--device", device] }
    arguments += ["--", request.source, request.directory]
    _ = try DetachedProcess.start(
      "/proc/self/exe", arguments: arguments,
      descriptors: [null.rawValue, null.rawValue, log.rawValue, pipe.second.rawValue])
    return pipe.keepingFirst()
  }

  /// Waits for the report: throws the failure in it.
  private func read(_ report: consuming FileDescriptor) throws(Failure) {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      do throws(SystemError) {
        var target = buffer.mutableRawSpan
        let count = try report.read(into: &target)
        if count == 0 { break }
        bytes += buffer.prefix(count)
      } catch {
        throw Failure(error)
      }
    }
    guard let outcome = try? JSONDecoder().decode(LaunchReport.Outcome.self, from: Data(bytes))
    else {
      throw Failure(
        .failure, "the process of the mount ended early; \(directory.logPath) may say why")
    }
    if let failure = outcome.failure { throw failure }
  }
}
