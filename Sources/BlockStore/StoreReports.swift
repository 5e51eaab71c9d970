/// What a read of one block came to.
package enum BlockRead: Equatable, Sendable {
  /// The block's bytes are at the front of the target.
  case hit(validByteCount: Int)
  /// Not cached, or no longer readable.
  case miss
  /// The object has been invalidated or removed: bind it again.
  case stale
}

/// An object of the cache, as it was a moment ago.
package struct ObjectDescription: Equatable, Sendable {
  /// Of a key of more than 4096 bytes, the first 4064 and its SHA-256.
  package let key: [UInt8]
  /// Empty for the default volume.
  package let volumeKey: [UInt8]
  /// What the object was bound with last.
  package let coherency: [UInt8]
  /// The size that the object was bound with last, in bytes.
  package let byteCount: UInt64
  /// Bytes of the object that are on disk.
  package let cachedByteCount: UInt64
  /// Blocks of the object that are on disk.
  package let blockCount: Int
  /// Blocks that culling leaves, cached or not.
  package let pinnedBlockCount: Int
  /// Seconds since 1970.
  package let lastUse: UInt64
  /// Whether somebody has it bound.
  package let isBound: Bool
  /// When culling comes to the object's blocks; nil unless asked for.
  package internal(set) var standing: CullStanding?
}

/// Which blocks to give up now, from the coldest on, and never one that is being read or written.
///
/// With neither a target nor a byte count, everything that the filters let through; without filters
/// too, as much as the `brun` mark asks for.
package struct CullRequest: Sendable {
  /// Stop when this share of all slots is free.
  package var targetFreePercent: Int?
  /// Stop when this much has been freed; with a target as well, the later of the two.
  package var byteCount: UInt64?
  /// Only blocks not used for this long.
  package var olderThanSeconds: UInt64?
  /// Only blocks of this object.
  package var key: [UInt8]?
  /// Only say what would be done.
  package var isDryRun: Bool

  /// A request; see the properties.
  package init(
    targetFreePercent: Int? = nil, byteCount: UInt64? = nil, olderThanSeconds: UInt64? = nil,
    key: [UInt8]? = nil, isDryRun: Bool = false
  ) {
    self.targetFreePercent = targetFreePercent
    self.byteCount = byteCount
    self.olderThanSeconds = olderThanSeconds
    self.key = key
    self.isDryRun = isDryRun
  }
}

/// What a cull freed, or would have.
package struct CullReport: Equatable, Sendable {
  /// Slots that were freed, or would be.
  package var blockCount: Int
  /// In whole slots.
  package var byteCount: UInt64
  /// Free slots afterwards.
  package var freeBlockCount: Int
  /// Whether nothing was freed, because the request only asked.
  package var isDryRun: Bool
}

/// What pins keep from culling, after a change of an object's.
package struct PinReport: Equatable, Sendable {
  /// Blocks of the object, cached or not.
  package var blockCount: Int
  /// Blocks of all objects.
  package var totalBlockCount: Int
  /// How many the cache lets be pinned: half of its slots.
  package var allowedBlockCount: Int
}

/// What a verification found.
package struct VerifyReport: Equatable, Sendable {
  /// Blocks read back.
  package var checkedBlockCount = 0
  /// Blocks whose bytes could not be read or are not those that were written; misses from now on.
  package var failedBlockCount = 0
  /// Disagreements between the index and RAM.
  package var indexFaults: [String] = []
  /// Faults mended, and bad slots returned to use; 0 unless asked to repair.
  package var repairedCount = 0

  /// Whether every block and every record was as it should be.
  package var isClean: Bool { failedBlockCount == 0 && indexFaults.isEmpty }
}

/// The store's state and what it has done since it was opened.
package struct StoreStatus: Equatable, Sendable {
  /// Slots by state; `total` is their sum less the few being written at this moment.
  package struct Blocks: Equatable, Sendable {
    /// All slots.
    package var total = 0
    /// Slots with blocks that readers find.
    package var used = 0
    /// Slots that can be written.
    package var free = 0
    /// Given up but not yet writable: a reader still looks, or the index is being told.
    package var quarantined = 0
    /// Slots that failed to read or write, out of use until the cache is opened again.
    package var bad = 0
    /// Of the used ones, those that culling leaves.
    package var pinned = 0
  }

  /// The index on disk.
  package struct Index: Equatable, Sendable {
    /// Bytes of pages that hold records.
    package var byteCount = 0
    /// The size of the index, reserved in advance.
    package var mapByteCount = 0
    /// Fingerprints of files that are remembered, or will be in a moment.
    package var fingerprintCount = 0
  }

  /// Counters since the store was opened.
  package struct Disk: Equatable, Sendable {
    /// Reads that brought a block.
    package var hits: UInt64 = 0
    /// Reads of blocks that were not there, or not right.
    package var misses: UInt64 = 0
    /// Reads of objects that had been invalidated or removed.
    package var staleReads: UInt64 = 0
    /// Blocks written and named in the index.
    package var filledBlocks: UInt64 = 0
    /// Fills lost to errors, a full disk, or a disk that could not keep up.
    package var droppedFills: UInt64 = 0
    /// Fills turned away below `bstop`.
    package var refusedFills: UInt64 = 0
    /// Blocks given up to make room.
    package var culledBlocks: UInt64 = 0
    /// Blocks that were read and were not what had been written.
    package var checksumFailures: UInt64 = 0
    /// Reads that the system refused.
    package var readErrors: UInt64 = 0
    /// Batches that could not be written or made durable.
    package var writeErrors: UInt64 = 0
    /// Transactions of the index.
    package var commits: UInt64 = 0
    /// Times that the data file was made durable.
    package var dataSyncs: UInt64 = 0
    /// Bytes that wait to be written.
    package var pendingByteCount = 0
  }

  /// The background reading of the cache since the store was opened.
  package struct Scrub: Equatable, Sendable {
    /// Bytes a second; 0 while it is switched off.
    package var byteRate: UInt64 = 0
    /// Times that every slot was visited.
    package var passes: UInt64 = 0
    /// Blocks read back.
    package var checkedBlocks: UInt64 = 0
    /// Blocks that could not be read or are not what was written; misses from then on.
    package var badBlocks: UInt64 = 0
    /// Seconds since 1970; nil before the first pass has ended.
    package var lastPassEnd: UInt64?
  }

  /// What a store does after errors, until the cache is opened again.
  package enum Service: String, Sendable {
    case full
    /// The disk has failed to take several batches in a row: fills are dropped.
    case readsOnly = "reads-only"
    /// The index has failed, or the cache was taken out of service: reads miss as well.
    case none
  }

  /// The directory that was opened.
  package var directory = ""
  /// The version of the format on disk.
  package var formatVersion = 0
  /// Bytes of a whole block.
  package var blockByteCount = 0
  /// Bytes of all slots.
  package var capacityByteCount: UInt64 = 0
  /// Bytes of the slots in use.
  package var usedByteCount: UInt64 = 0
  /// Slots by state.
  package var blocks = Blocks()
  /// Objects known, with or without blocks.
  package var objectCount = 0
  /// Records that the index has room for.
  package var objectCountMax = 0
  /// The water marks in force.
  package var limits = CullLimits.standard
  /// How full the index is.
  package var index = Index()
  /// This process; nil once the store is closed.
  package var owner: StoreOwner?
  /// What the store has done.
  package var disk = Disk()
  /// What the scrubber has done.
  package var scrub = Scrub()
  /// What the store still does.
  package var service = Service.full
}
