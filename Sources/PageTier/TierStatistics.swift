/// What the tier is made with.
package struct TierOptions: Sendable {
  /// The most memory for pages, in bytes; at least an arena of 2 MiB is used.
  package var byteCountMax: Int
  /// Whether files of a domain that are known to be the same are read from the same pages.
  package var sharesFiles = true
  /// Whether equal pages of a domain are kept once, and zeros not at all.
  package var sharesContent = true
  /// Whether pages that are evicted for the second time are compressed.
  package var compresses = true

  package init(byteCountMax: Int) {
    self.byteCountMax = byteCountMax
  }
}

/// What the holder of the tier's lock counts.
struct TierCounts {
  var hotPageCount = 0
  /// What all file maps name, but for zeros.
  var logicalPageCount = 0
  var zeroMappingCount = 0
  /// What the maps of files take beyond their roots.
  var mapByteCount = 0
}

/// What the tier holds and how often it helped, since it was made.
package struct TierStatistics: Sendable, Equatable {
  /// The most memory for pages at this time.
  package var budgetByteCount = 0
  /// Memory that pages take, compressed ones included.
  package var residentByteCount = 0
  /// Memory that is not with the system: whole arenas.
  package var arenaByteCount = 0
  /// What the same pages would take if each file had its own.
  package var logicalByteCount = 0
  /// Pages held as they are.
  package var pageCount = 0
  /// Pages held compressed, those included that are held as they are too.
  package var compressedPageCount = 0
  package var compressedByteCount = 0
  /// Pages of files that are all zeros, and take nothing.
  package var zeroPageCount = 0
  /// Pages read from the tier.
  package var hits: UInt64 = 0
  /// Hits of pages that another volume had brought in.
  package var sharedHits: UInt64 = 0
  /// Hits that had to be decoded.
  package var compressedHits: UInt64 = 0
  /// Pages that were asked for and not there.
  package var misses: UInt64 = 0
}
