internal import ArgumentParser
internal import Bytes
internal import FoundationEssentials
internal import Linux
internal import Logging
internal import Node

/// `cullet mount`: an image as a directory tree.
struct MountImage: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mount", abstract: "Mount an image; returns when it is usable.",
    discussion: """
      What is read is kept in the cache, and served from there when the origin is away.

      EXAMPLE
        cullet mount https://host/image.erofs /mnt
      """)

  enum Driver: String, ExpressibleByArgument, CaseIterable {
    case fuse
  }

  @OptionGroup var image: ImageOptions
  @Argument(help: "The directory to mount on.") var directory: String
  @Option(help: "What serves the files to the kernel.") var driver = Driver.fuse
  @Flag(help: "Stay in the foreground until unmounted or interrupted.") var foreground = false
  @Option(help: .hidden) var readyDescriptor: Int32?

  func run() throws {
    let request = MountRequest(
      source: try ImageOpener.absolute(image.source),
      devices: try image.devices.map { try ImageOpener.absolute($0) },
      directory: try mountPoint())
    if let readyDescriptor {
      return serve(request, reportingTo: readyDescriptor)
    }
    if foreground { return try serve(request) }
    let launcher = MountLauncher(directory: image.cache.directory, request: request)
    try launcher.mountInBackground()
  }

  private func mountPoint() throws -> String {
    do throws(SystemError) {
      return try MountCalls.canonicalPath(directory)
    } catch {
      throw Failure(.noInput, "\(directory): \(error.errno); make the mount point first")
    }
  }

  /// Serves the mount here, until it is unmounted or a signal asks for the end.
  private func serve(
    _ request: MountRequest, onReady: () -> Void = {}
  ) throws {
    let signals = Signals(blocking: [Signals.interrupt, Signals.terminate, Signals.wake])
    let logger = Logger(label: "cullet", factory: StreamLogHandler.standardError(label:))
    switch try MountLauncher.claim(image.cache.directory, log: { logger.error("\($0)") }) {
    case .owned(let node):
      do {
        try node.mount(request)
      } catch {
        node.close()
        throw error
      }
      onReady()
      _ = try Thread(name: "idle") {
        node.waitUntilIdle()
        Signals.raise(Signals.wake)
      }
      node.close(cuttingOff: signals.wait() != Signals.wake)
    case .served(let client):
      try client.mount(request)
      onReady()
      guard readyDescriptor == nil else { return }
      _ = try Thread(name: "idle") {
        try? client.waitForUnmount(of: request.directory)
        Signals.raise(Signals.wake)
      }
      if signals.wait() != Signals.wake {
        try Unmounting.unmount(
          request.directory, lazily: false, cache: image.cache.directory)
      }
    }
  }

  /// Serves in the background: the outcome of mounting goes to the parent, and then all ties to
  /// it are cut.
  private func serve(_ request: MountRequest, reportingTo descriptor: Int32) {
    let report = LaunchReport(to: descriptor)
    do {
      try serve(request) { report.send(nil) }
    } catch let failure as Failure {
      report.send(failure)
    } catch {
      report.send(Failure(.failure, "\(error)"))
    }
  }
}
