internal import ArgumentParser
internal import BlockStore
internal import Node

/// `cullet cache …`: looks after the cache itself.
struct Cache: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Inspect and look after the cache.",
    discussion: """
      EXAMPLE
        cullet cache status && cullet cache cull --target 50
      """,
    subcommands: [
      CacheInit.self, CacheStatus.self, CacheList.self, CacheCull.self, CacheVerify.self,
      CacheInvalidate.self, CacheRemove.self, CacheLimits.self, CachePin.self, CacheUnpin.self,
      CacheResize.self,
    ])
}

struct CacheInit: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Format a cache explicitly; what it held is lost.",
    discussion: """
      EXAMPLE
        cullet cache init --cache /srv/cullet --size 50G
        cullet cache init --data /dev/disk/by-id/nvme-1234-part2
      """)

  @OptionGroup var cache: CacheOptions
  @Option(help: "Capacity, with K, M, G or T (default: all of a device, else 20G).")
  var size: ByteSize?
  @Option(help: "Block size, a power of two from 16K to 1M.")
  var blockSize = ByteSize(byteCount: 64 << 10)

  @Option(
    help: "Where blocks are kept: a file or a block device (default: in the cache directory).")
  var data: String?
  @Option(help: "Space to take at once, also when the cache grows: none, allocate or write.")
  var preallocate = StoreConfiguration.Preallocation.none
  @Option(help: "How blocks are read and written: direct (past the page cache) or buffered.")
  var io = StoreConfiguration().io

  func run() throws {
    var configuration = StoreConfiguration()
    configuration.capacityByteCount = size?.byteCount
    configuration.dataPath = data
    configuration.preallocation = preallocate
    configuration.io = io
    configuration.blockByteCount = Int(clamping: blockSize.byteCount)
    do throws(StoreError) {
      try CacheStore.format(directory: cache.directory.path, configuration: configuration)
    } catch {
      throw Failure(error)
    }
  }
}

extension StoreConfiguration.Preallocation: ExpressibleByArgument {}
extension StoreConfiguration.IOMode: ExpressibleByArgument {}

struct CacheStatus: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show how full the cache is and how well it works.",
    discussion: """
      EXAMPLE
        cullet cache status --json
      """)

  @OptionGroup var cache: CacheOptions
  @Flag(help: "Print one JSON document.") var json = false

  func run() throws {
    let report = try cache.withService { service throws(Failure) in try service.status() }
    if json { return try Terminal.printJSON(report) }
    let used = report.blocks.total == 0 ? 0 : report.blocks.used * 100 / report.blocks.total
    let owner = report.owner.map { "process \($0.pid) since \($0.since)" } ?? "nobody"
    Terminal.print(
      """
      cache      \(report.directory), owned by \(owner)
      space      \(sizeText(report.usedBytes)) of \(sizeText(report.capacityBytes)) used (\(used) %), \
      \(counted(report.objects, "object"))
      blocks     \(report.blocks.used) used, \(report.blocks.free) free, \
      \(report.blocks.pinned) pinned, \(report.blocks.quarantined) quarantined, \
      \(report.blocks.bad) bad, of \
      \(sizeText(UInt64(report.blockSize)))
      disk       \(report.disk.hits) hits, \(report.disk.misses) misses, \
      \(report.disk.filledBlocks) filled, \(report.disk.culledBlocks) culled, \
      \(report.disk.checksumFailures) checksum failures
      scrub      \(scrubText(report.scrub))
      memory     \(sizeText(UInt64(report.memory.residentBytes))) of \
      \(sizeText(UInt64(report.memory.budgetBytes))) for \
      \(sizeText(UInt64(report.memory.logicalBytes))) of files, \(report.memory.hits) page hits \
      (\(report.memory.sharedHits) shared, \(report.memory.compressedHits) compressed), \
      \(report.memory.misses) misses
      origin     \(report.origin.requests) requests, \(sizeText(report.origin.bytes)), \
      \(report.origin.retries) retries, \(report.origin.failures) failures
      limits     brun \(report.limits.brun) % bcull \(report.limits.bcull) % bstop \
      \(report.limits.bstop) % frun \(report.limits.frun) % fcull \(report.limits.fcull) % fstop \
      \(report.limits.fstop) %
      """)
    for domain in report.memory.domains { Terminal.print(domainText(domain)) }
    switch report.service {
    case .full: break
    case .readsOnly:
      Terminal.print(
        "state      nothing new is cached, for the disk failed several writes in a row: mend it "
          + "and mount again")
    case .none:
      Terminal.print("state      out of use, for the index failed: mount again")
    }
    let disk = report.disk
    guard disk.droppedFills + disk.refusedFills + disk.writeErrors + disk.readErrors > 0 else {
      return
    }
    Terminal.print(
      "trouble    \(disk.droppedFills) fills dropped, \(disk.refusedFills) refused, "
        + "\(counted(Int(clamping: disk.writeErrors), "write error")), "
        + "\(counted(Int(clamping: disk.readErrors), "read error")): is the disk full?")
  }

  private func domainText(_ domain: CacheStatusReport.Memory.Domain) -> String {
    let limit = domain.limitBytes.map { " of \(sizeText(UInt64(clamping: $0)))" } ?? ""
    return "domain     \(domain.name.isEmpty ? "(default)" : domain.name): "
      + "\(counted(domain.images, "image")), "
      + "\(sizeText(UInt64(clamping: domain.chargedBytes)))\(limit) charged, "
      + "\(sizeText(UInt64(clamping: domain.savedBytes))) saved"
  }

  private func scrubText(_ scrub: CacheStatusReport.Scrub) -> String {
    let rate = scrub.bytesPerSecond == 0 ? "off" : "\(sizeText(scrub.bytesPerSecond))/s"
    let last = scrub.lastPassFinished.map { ", the last at \($0)" } ?? ""
    return "\(rate), \(counted(Int(clamping: scrub.checkedBlocks), "block")) checked, "
      + "\(scrub.badBlocks) bad, passes done: \(scrub.passes)\(last)"
  }
}

struct CacheList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls", abstract: "List the cached objects, those that are culled first first.",
    discussion: """
      Culling takes blocks, not objects: those that were used once, coldest first, then those that \
      were used again. --order says how many of each an object has, and how many blocks of others \
      go before its first.

      EXAMPLE
        cullet cache ls
      """)

  @OptionGroup var cache: CacheOptions
  @Flag(help: "Explain the order in which blocks are culled.") var order = false
  @Flag(help: "Print one JSON document an object.") var json = false

  func run() throws {
    let reports = try cache.withService { service throws(Failure) in try service.objects() }
    if json {
      for report in reports { try Terminal.printJSON(report) }
      return
    }
    for report in reports {
      let share = report.size == 0 ? 100 : report.cachedBytes * 100 / report.size
      Terminal.print(
        "\(padded(sizeText(report.cachedBytes), 10)) of \(padded(sizeText(report.size), 10)) "
          + "\(padded("\(share) %", 5))  \(report.lastUse)  \(report.pinned ? "pinned " : "")"
          + report.source)
      if order { Terminal.print("    " + orderText(report.culling)) }
    }
  }
}

extension CacheList {
  private func orderText(_ culling: ObjectReport.Culling) -> String {
    let counts =
      "\(culling.usedOnce) used once, \(culling.usedAgain) used again, \(culling.pinned) pinned"
    guard let blocksAhead = culling.blocksAhead else { return "nothing to cull; \(counts)" }
    return "first after \(counted(blocksAhead, "other block")); \(counts)"
  }
}

struct CacheCull: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cull", abstract: "Free blocks now, coldest first.",
    discussion: """
      Without a target, what automatic culling would free is freed. Several targets all hold: \
      blocks go until each is met.

      EXAMPLE
        cullet cache cull --target 50
        cullet cache cull --older-than 7d --dry-run
      """)

  @OptionGroup var cache: CacheOptions
  @Option(name: .customLong("target"), help: "Free blocks until this percentage is free.")
  var targetPercentFree: Int?
  @Option(name: .customLong("bytes"), help: "Free at least as many bytes, with K, M, G or T.")
  var bytes: ByteSize?
  @Option(help: "Free what was not used for as long, with s, m, h or d.") var olderThan: Age?
  @Option(help: "Free blocks of this source only; the targets then count those alone.")
  var source: String?
  @Flag(help: "Only say what would be freed.") var dryRun = false
  @Flag(help: "Print one JSON document.") var json = false

  func validate() throws {
    if let targetPercentFree, !(0...100).contains(targetPercentFree) {
      throw ValidationError("--target is a percentage from 0 to 100")
    }
  }

  func run() throws {
    var options = CullOptions()
    options.targetPercentFree = targetPercentFree
    options.byteCount = bytes?.byteCount
    options.olderThanSeconds = olderThan?.seconds
    options.source = source
    options.isDryRun = dryRun
    let outcome = try cache.withService { [options] service throws(Failure) in
      try service.cull(options)
    }
    if json { return try Terminal.printJSON(outcome) }
    let verb = outcome.dryRun ? "would cull" : "culled"
    Terminal.print(
      "\(verb) \(outcome.culledBlocks) blocks, \(sizeText(outcome.culledBytes)); "
        + "\(outcome.freeBlocks) free")
  }
}

struct CacheVerify: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Read every block against its checksum, and the index against itself.",
    discussion: """
      Exits with 65 when anything is wrong that was not repaired.

      EXAMPLE
        cullet cache verify --repair
      """)

  @OptionGroup var cache: CacheOptions
  @Flag(help: "Drop what is wrong; it is fetched again when needed.") var repair = false
  @Flag(help: "Print one JSON document.") var json = false

  func run() throws {
    let outcome = try cache.withService { service throws(Failure) in
      let first = try service.verify(repair: repair)
      guard repair, !first.isClean else { return first }
      // Whether the repair worked is for a second look to say.
      var second = try service.verify(repair: false)
      second.repairedBlocks = first.repairedBlocks
      return second
    }
    if json {
      try Terminal.printJSON(outcome)
    } else {
      for fault in outcome.indexFaults { Terminal.print("index: \(fault)") }
      Terminal.print(
        "\(outcome.checkedBlocks) blocks checked, \(outcome.checksumFailures) checksum failures, "
          + "\(outcome.indexFaults.count) index faults, \(outcome.repairedBlocks) repaired")
    }
    guard outcome.isClean else { throw ExitCode(ExitStatus.badData.rawValue) }
  }
}

struct CacheResize: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resize", abstract: "Grow or shrink the cache in place, also under live mounts.",
    discussion: """
      Shrinking keeps what finds room, and every pinned block.

      EXAMPLE
        cullet cache resize 50G
      """)

  @OptionGroup var cache: CacheOptions
  @Argument(help: "The new capacity, with K, M, G or T.") var size: ByteSize

  func run() throws {
    let status = try cache.withService { [size] service throws(Failure) in
      try service.resize(to: size.byteCount)
      return try service.status()
    }
    Terminal.print("capacity \(sizeText(status.capacityBytes)), \(status.blocks.total) blocks")
  }
}

struct CacheInvalidate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "invalidate", abstract: "Drop a source's blocks; the next read fetches anew.",
    discussion: """
      EXAMPLE
        cullet cache invalidate https://host/image.erofs
      """)

  @OptionGroup var cache: CacheOptions
  @Argument(help: "The source as 'cullet cache ls' shows it.") var source: String

  func run() throws {
    try cache.withService { [source] service throws(Failure) in
      try service.drop(source, keepingObject: true)
    }
  }
}

struct CacheRemove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Drop a source's blocks and forget the source.",
    discussion: """
      EXAMPLE
        cullet cache remove https://host/image.erofs
      """)

  @OptionGroup var cache: CacheOptions
  @Argument(help: "The source as 'cullet cache ls' shows it.") var source: String

  func run() throws {
    try cache.withService { [source] service throws(Failure) in
      try service.drop(source, keepingObject: false)
    }
  }
}
