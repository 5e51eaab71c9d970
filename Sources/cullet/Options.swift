internal import ArgumentParser
internal import BlockStore
internal import EROFSReader
internal import FoundationEssentials
internal import Linux
internal import Node

/// Which cache a command uses.
struct CacheOptions: ParsableArguments {
  @Option(
    name: .customLong("cache"),
    help:
      "Cache directory (default: $CULLET_CACHE, else /var/cache/cullet for root and ~/.cache/cullet for others)."
  )
  var cacheDirectory: String?

  var directory: CacheDirectory {
    CacheDirectory(
      flag: cacheDirectory, environment: ProcessInfo.processInfo.environment,
      userID: CurrentProcess.userID)
  }
}

/// Which image a command reads.
struct ImageOptions: ParsableArguments {
  @Argument(help: "The image: a path, file:///path or http(s)://…")
  var source: String

  @Option(name: .customLong("device"), help: "Extra device of the image, in device-table order.")
  var devices: [String] = []

  @OptionGroup var cache: CacheOptions

  /// Runs `body` with the image's bytes, whatever they hold; remote parts come through the cache.
  func withSources(_ body: (any BlockSource, [any BlockSource]) throws -> Void) throws {
    let access = cache.access
    defer { access.close() }
    let (main, extra) = try ImageOpener.sources(source, devices: devices) {
      source throws(Failure) in try access.open(source)
    }
    try body(main, extra)
  }

  /// Runs `body` with the image open; remote parts come through the cache.
  func withImage(_ body: (Image) throws -> Void) throws {
    let access = cache.access
    defer { access.close() }
    // The commands read in one thread.
    let image = try ImageOpener.open(
      source, devices: devices, decoderCount: CurrentProcess.processorCount - 1
    ) { source throws(Failure) in
      try access.open(source)
    }
    do {
      try body(image)
    } catch let error as ReadError {
      throw Failure(error, source: ImageOpener.name(of: source))
    }
  }
}

/// Which images a command reads, one after the other.
struct ImageSetOptions: ParsableArguments {
  @Argument(help: "The images: paths, file:///path or http(s)://…")
  var sources: [String]

  @Option(
    name: .customLong("device"),
    help: "Extra device, in order of the images, and of the device table of each.")
  var devices: [String] = []

  @OptionGroup var cache: CacheOptions

  /// Runs `body` with the name of each image and the image open; remote parts come through the
  /// cache.
  func forEachImage(_ body: (String, Image) throws -> Void) throws {
    let access = cache.access
    defer { access.close() }
    func remote(_ source: String) throws(Failure) -> any BlockSource { try access.open(source) }
    var untaken = devices[...]
    for (position, source) in sources.enumerated() {
      // What is too much or too little shows with the last one.
      let image =
        position == sources.count - 1
        ? try ImageOpener.open(source, devices: Array(untaken), remote: remote)
        : try ImageOpener.open(source, takingFrom: &untaken, remote: remote)
      let name = ImageOpener.name(of: source)
      do {
        try body(name, image)
      } catch let error as ReadError {
        throw Failure(error, source: name)
      }
    }
  }
}

extension CacheOptions {
  /// The way to the cache; what opening it has to say goes to stderr.
  var access: CacheAccess {
    CacheAccess(directory: directory, indexHelper: .thisProgram) {
      Terminal.note("cullet: note: \($0)")
    }
  }

  /// Runs `body` with the cache, here or through its owner, and gives it up again.
  func withService<Value>(
    _ body: (any CacheService) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let access = access
    defer { access.close() }
    return try body(try access.service())
  }
}
