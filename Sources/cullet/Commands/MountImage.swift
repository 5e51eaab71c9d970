internal import ArgumentParser
internal import Linux
internal import Node

/// `cullet mount`: an image as a directory tree.
struct MountImage: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mount", abstract: "Mount an image; returns when it is usable.",
    discussion: """
      What is read is kept in the cache, and served from there when the origin is away.

      With --driver kernel the kernel's own EROFS reads the image: as fast as it reads a local one. That takes root and Linux 6.12.

      EXAMPLE
        cullet mount https://host/image.erofs /mnt
        cullet mount --domain team --domain-memory-limit 2G --memory-limit 512M image.erofs /mnt
        cullet mount --driver kernel https://host/image.erofs /mnt
      """)

  @OptionGroup var image: ImageOptions
  @Argument(help: "The directory to mount on.") var directory: String
  @Option(help: "What reads the image: Cullet, over FUSE, or the kernel's own EROFS.")
  var driver = MountDriver.fuse
  @Option(
    help:
      "Bytes a second at which the owner of the cache reads it back, with K, M or G; 0 for not at all (default: 4M, or as it is)."
  )
  var scrubRate: ByteSize?
  @Option(
    help:
      "Memory for pages of files in the owner of the cache, with K, M or G, half of the machine's at most (default: a sixteenth, or as it is)."
  )
  var memory: ByteSize?
  @Option(
    help:
      "Share memory only with mounts of the same domain (default: all that name none). Where it matters that nobody learns from how fast a page comes what others read."
  )
  var domain: String?
  @Option(
    help:
      "Memory for pages that this mount brings in, with K, M or G (default: as much as there is)."
  )
  var memoryLimit: ByteSize?
  @Option(
    help:
      "Memory for pages that all mounts of the domain bring in, with K, M or G; holds for those that are mounted already, and what is beyond it is dropped (default: as much as there is, or as it is)."
  )
  var domainMemoryLimit: ByteSize?
  @Option(
    help:
      "For whom the kernel keeps what was read: shared, with other mounts of the domain, by fingerprint, or private, for this mount, whose files are then opened without a round trip (default: shared if the image has fingerprints, the user is root and the kernel can, Linux 6.9)."
  )
  var pageCache: PageCacheUse?
  @Flag(help: "Stay in the foreground until unmounted or interrupted.") var foreground = false

  func run() throws {
    if driver == .kernel, CurrentProcess.userID != 0 {
      throw Failure(.noPermission, "--driver kernel takes root; --driver fuse does not")
    }
    let request = MountRequest(
      source: try ImageOpener.absolute(image.source),
      devices: try image.devices.map { try ImageOpener.absolute($0) },
      directory: try mountPoint(), driver: driver, scrubByteRate: scrubRate?.byteCount,
      memoryByteCount: memory?.byteCount, domain: domain,
      memoryLimitByteCount: memoryLimit?.byteCount,
      domainMemoryLimitByteCount: domainMemoryLimit?.byteCount, pageCache: pageCache)
    let launcher = MountLauncher(cache: image.cache.directory, request: request)
    if foreground {
      try MountServing(cache: image.cache.directory, request: request, isForeground: true).run()
    } else {
      try launcher.mountInBackground()
    }
  }

  private func mountPoint() throws -> String {
    do throws(SystemError) {
      return try MountCalls.canonicalPath(directory)
    } catch  where error.errno == .notConnected {
      // A killed owner left a dead mount there; it is cleared away when the new one comes.
      return try MountCalls.canonicalPath(Paths.parent(of: directory))
        + "/\(directory.split(separator: "/").last ?? "")"
    } catch {
      throw Failure(.noInput, "\(directory): \(error.errno); make the mount point first")
    }
  }
}

extension PageCacheUse: ExpressibleByArgument {}
extension MountDriver: ExpressibleByArgument {}

/// `cullet mount-server`: what `cullet mount` leaves in the background.
///
/// It learns what to do from descriptor 3; its arguments only tell people what it is.
struct MountServer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mount-server", abstract: "Serve a mount in the background.",
    shouldDisplay: false)

  @Argument var description: [String] = []

  func run() throws {
    let parent = try LaunchedProcess()
    do {
      let (cache, request) = try parent.receiveRequest()
      Paths.leaveWorkingDirectory()
      try MountServing(cache: cache, request: request, isForeground: false).run {
        parent.report($0)
      }
    } catch let failure as Failure {
      _ = parent.report(failure)
    } catch {
      _ = parent.report(Failure(.failure, "\(error)"))
    }
  }
}
