internal import ReadPath

/// What `cullet cache status --json` prints; counters run since the owner opened the cache.
package struct CacheStatusReport: Codable, Equatable, Sendable {
  /// What the cache still does after errors, until its owner opens it again.
  package enum Service: String, Codable, Sendable {
    case full
    /// The disk refused what was to be written: nothing new is cached.
    case readsOnly = "reads-only"
    /// The index failed: everything comes from the origin.
    case none
  }

  package struct Blocks: Codable, Equatable, Sendable {
    package var total, used, free, quarantined, bad, pinned: Int
  }

  package struct Limits: Codable, Equatable, Sendable {
    package var brun, bcull, bstop, frun, fcull, fstop: Int
  }

  package struct Index: Codable, Equatable, Sendable {
    package var bytes, mapBytes: Int
    /// Files of images of which it is remembered what they hold.
    package var fingerprints: Int
  }

  package struct Owner: Codable, Equatable, Sendable {
    package var pid: Int32
    /// RFC 3339, UTC.
    package var since: String
  }

  package struct Disk: Codable, Equatable, Sendable {
    package var hits, misses, filledBlocks, culledBlocks: UInt64
    package var checksumFailures, commits, dataSyncs: UInt64
    /// Fills that the cache took no notice of: the disk was full, failed or too slow; and those
    /// turned away below `bstop`.
    package var droppedFills, refusedFills: UInt64
    /// Batches that could not be written, and reads that failed.
    package var writeErrors, readErrors: UInt64
  }

  /// The background reading of the cache.
  package struct Scrub: Codable, Equatable, Sendable {
    /// 0 while it is switched off.
    package var bytesPerSecond: UInt64
    package var passes, checkedBlocks, badBlocks: UInt64
    /// RFC 3339, UTC; null before the first pass has ended.
    @NullWhenAbsent package var lastPassFinished: String?
  }

  package struct Origin: Codable, Equatable, Sendable {
    package var requests: UInt64 = 0
    package var bytes: UInt64 = 0
    package var retries: UInt64 = 0
    package var failures: UInt64 = 0

    mutating func add(_ statistics: OriginStatistics) {
      requests += statistics.requests
      bytes += statistics.bytes
      retries += statistics.retries
      failures += statistics.failures
    }
  }

  /// Pages of files, and below them blocks of images, as they are on disk.
  package struct Memory: Codable, Equatable, Sendable {
    package struct Blocks: Codable, Equatable, Sendable {
      package var budgetBytes, residentBytes: Int
      package var hits, misses: UInt64
    }

    /// Mounts that may share pages.
    package struct Domain: Codable, Equatable, Sendable {
      /// Empty for the domain of mounts that name none.
      package var name: String
      package var images, chargedBytes: Int
      /// Null without a limit.
      @NullWhenAbsent package var limitBytes: Int?
      /// What more its pages would take if no two files shared one.
      package var savedBytes: Int
    }

    package var budgetBytes, residentBytes: Int
    /// What the pages would take if no two files shared one.
    package var logicalBytes: Int
    package var pages: Int
    /// Hits of pages that another image had brought in.
    package var sharedHits: UInt64
    package var zeroPages, compressedBytes, compressedPages: Int
    package var hits, compressedHits, misses: UInt64
    package var blocks: Blocks
    /// By name.
    package var domains: [Domain]
  }

  package var directory: String
  package var service: Service
  package var formatVersion: Int
  package var blockSize: Int
  package var capacityBytes: UInt64
  package var usedBytes: UInt64
  package var blocks: Blocks
  package var objects: Int
  package var limits: Limits
  package var index: Index
  /// Null when the process that reports owns the cache for this one command only.
  @NullWhenAbsent package var owner: Owner?
  package var disk: Disk
  package var scrub: Scrub
  package var origin: Origin
  package var memory: Memory
}

/// An optional that is written as JSON null, where a missing key would say less.
@propertyWrapper
package struct NullWhenAbsent<Value: Codable & Equatable & Sendable>: Codable, Equatable, Sendable {
  package var wrappedValue: Value?

  package init(wrappedValue: Value?) {
    self.wrappedValue = wrappedValue
  }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    wrappedValue = container.decodeNil() ? nil : try container.decode(Value.self)
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if let wrappedValue {
      try container.encode(wrappedValue)
    } else {
      try container.encodeNil()
    }
  }
}

/// One object of the cache, as `cullet cache ls` shows it.
package struct ObjectReport: Codable, Equatable, Sendable {
  /// When culling comes to its blocks.
  package struct Culling: Codable, Equatable, Sendable {
    /// Blocks of other objects that go before its first one; null when none of its blocks can go.
    @NullWhenAbsent package var blocksAhead: Int?
    package var usedOnce, usedAgain, pinned: Int
  }

  package var source: String
  package var size: UInt64
  package var cachedBytes: UInt64
  package var blocks: Int
  /// RFC 3339, UTC.
  package var lastUse: String
  package var culling: Culling
  package var pinned: Bool
  /// Blocks that culling leaves, cached or not.
  package var pinnedBlocks: Int
  /// The validators that the cached version was bound with.
  package var coherency: Coherency

  package struct Coherency: Codable, Equatable, Sendable {
    package var etag: String?
    package var lastModified: String?
  }
}

/// What `cullet cache cull` is asked to do.
package struct CullOptions: Codable, Equatable, Sendable {
  package var targetPercentFree: Int?
  package var byteCount: UInt64?
  package var olderThanSeconds: UInt64?
  package var source: String?
  package var isDryRun = false

  package init() {}
}

/// What a cull freed, or would have freed.
package struct CullOutcome: Codable, Equatable, Sendable {
  package var culledBlocks: Int
  package var culledBytes: UInt64
  package var freeBlocks: Int
  package var dryRun: Bool
}

/// What `cullet cache verify` found.
package struct VerifyOutcome: Codable, Equatable, Sendable {
  package var checkedBlocks: Int
  package var checksumFailures: Int
  package var indexFaults: [String]
  package var repairedBlocks: Int
  package var isClean: Bool { checksumFailures == 0 && indexFaults.isEmpty }
}

/// What `cullet cache pin` and `unpin` ask for.
package struct PinRequest: Codable, Equatable, Sendable {
  package var source: String
  /// Bytes of the source; nil for all of it, now and in later versions.
  package var ranges: [Range<UInt64>]?
  package var isPinning: Bool

  package init(source: String, ranges: [Range<UInt64>]?, isPinning: Bool) {
    self.source = source
    self.ranges = ranges
    self.isPinning = isPinning
  }
}

/// What is pinned after a change.
package struct PinOutcome: Codable, Equatable, Sendable {
  package var source: String
  /// Blocks of the source, cached or not.
  package var pinnedBlocks: Int
  /// Blocks of all sources.
  package var totalPinnedBlocks: Int
  package var allowedBlocks: Int
}

/// What reads the image of a mount.
package enum MountDriver: String, CaseIterable, Codable, Sendable {
  /// The owner of the cache, which answers the kernel's FUSE.
  case fuse
  /// The kernel's own EROFS, whose reads of a remote image the owner of the cache answers.
  case kernel
}

/// What `cullet mount` asks the owner for.
package struct MountRequest: Codable, Equatable, Sendable {
  package var source: String
  package var devices: [String]
  /// Absolute.
  package var directory: String
  package var driver: MountDriver
  /// How fast the owner is to read the cache back, bytes a second; nil leaves it as it is.
  package var scrubByteRate: UInt64?
  /// What pages may take in the owner's memory; nil leaves it as it is.
  package var memoryByteCount: UInt64?
  /// Whose pages may be shared with; nil is the owner's own domain.
  package var domain: String?
  /// What the pages that this mount brings in may take; nil for any number of bytes.
  package var memoryLimitByteCount: UInt64?
  /// The same for all mounts of the domain together; nil leaves it as it is.
  package var domainMemoryLimitByteCount: UInt64?
  /// Nil for whatever is best.
  package var pageCache: PageCacheUse?

  /// The source as people are shown it, without credentials.
  package var sourceName: String { ImageOpener.name(of: source) }

  package init(
    source: String, devices: [String], directory: String, driver: MountDriver = .fuse,
    scrubByteRate: UInt64? = nil, memoryByteCount: UInt64? = nil, domain: String? = nil,
    memoryLimitByteCount: UInt64? = nil, domainMemoryLimitByteCount: UInt64? = nil,
    pageCache: PageCacheUse? = nil
  ) {
    self.source = source
    self.devices = devices
    self.directory = directory
    self.driver = driver
    self.scrubByteRate = scrubByteRate
    self.memoryByteCount = memoryByteCount
    self.domain = domain
    self.memoryLimitByteCount = memoryLimitByteCount
    self.domainMemoryLimitByteCount = domainMemoryLimitByteCount
    self.pageCache = pageCache
  }
}

/// For whom the kernel keeps what was read through a mount.
package enum PageCacheUse: String, Codable, CaseIterable, Sendable {
  /// For all mounts of the domain, as far as files have fingerprints.
  case shared
  /// For the mount alone: its files need no round trip when they are opened.
  case `private`
}

/// One mount, as `cullet mounts` shows it.
package struct MountReport: Codable, Equatable, Sendable {
  package var source: String
  package var directory: String
  package var driver: String
  /// The process that serves it; null when that is gone and the mount is dead.
  @NullWhenAbsent package var pid: Int32?
  /// RFC 3339, UTC; null for a mount of another cache or a dead one.
  @NullWhenAbsent package var since: String?
  package var state: String
  /// Pages that the mount is charged for, and its limit; null for a mount of another cache or a dead
  /// one, and without a limit.
  @NullWhenAbsent package var memoryBytes: Int?
  @NullWhenAbsent package var memoryLimitBytes: Int?
  /// With whom it may share pages; empty for all that name no domain, null as `memoryBytes` is.
  @NullWhenAbsent package var domain: String?
  /// The same for all mounts of the domain.
  @NullWhenAbsent package var domainMemoryBytes: Int?
  @NullWhenAbsent package var domainMemoryLimitBytes: Int?
  /// Null as `memoryBytes` is.
  @NullWhenAbsent package var pageCache: PageCacheUse?
  /// What the kernel keeps of the files' contents, that of several mounts divided among them; null
  /// unless it was counted.
  @NullWhenAbsent package var pageCacheBytes: Int?
}
