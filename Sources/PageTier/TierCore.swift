internal import Bytes
internal import Linux

/// The pages of the tier and where they are: everything that is done under the tier's one lock.
///
/// Hits never come here. What is done with the lock held takes a microsecond or two a page; pages
/// are compressed without it. Invariants, whenever the lock is free:
/// - a page that is not free is in exactly one queue if it is hot and unless its evictor holds it,
///   and in none if it is compressed;
/// - a hot page owns its frame, and a compressed one an entry of the log, which it keeps when it
///   gets hot until the log comes by;
/// - no page is moving.
@safe
final class TierCore: @unchecked Sendable {
  /// Descriptions of pages for each frame: compressed pages need one too.
  private static let pagesPerFrame = 4
  /// As far as the locations of the log reach: 128 GiB.
  private static let arenaCountMax = 65_535
  /// Threads that compress at a time; what others evict meanwhile is dropped.
  private static let batchesMax = 8
  let pages: PageElements
  let bytes: ArenaBytes
  private let array: PageArray
  private let lockArray = LockArray(count: 1)
  let options: TierOptions
  let contents: ContentIndex

  // Guarded by the lock.
  var arenas: Arenas
  var log: CompressedLog
  var probation = PageQueue(.probation)
  var protected = PageQueue(.protected)
  var share = CompressedShare()
  var volumes = TierCharges()
  var domains = TierCharges()
  var counts = TierCounts()
  private var idleBatches = (0..<batchesMax).map { _ in EvictionBatch() }
  private let capacity: Int
  private(set) var freshCount = 0
  /// The page at which the search for a victim of one volume stopped.
  var chargeHand: UInt32 = 0
  private var firstFree: UInt32 = 0

  /// An empty tier of at most `options.byteCountMax`; nil when there are not so many addresses.
  init?(options: TierOptions) {
    let arenaCount = min(max(1, options.byteCountMax / Arenas.byteCount), Self.arenaCountMax)
    capacity = arenaCount * Arenas.frameCount * Self.pagesPerFrame
    guard let array = PageArray(count: capacity), let arenas = Arenas(count: arenaCount),
      let contents = ContentIndex(pageCount: arenaCount * Arenas.frameCount)
    else { return nil }
    pages = array.elements
    bytes = arenas.bytes
    log = CompressedLog(bytes: arenas.bytes, arenaCount: arenaCount)
    self.array = array
    self.arenas = arenas
    self.contents = contents
    self.options = options
  }

  /// Runs `body` with the lock held; not reentrant.
  func withLock<Result>(_ body: () -> Result) -> Result {
    lock()
    defer { unlock() }
    return body()
  }

  func lock() { lockArray.lock(0) }

  func unlock() { lockArray.unlock(0) }

  /// Whether `reference` names a page that is still that page.
  func isAlive(_ reference: PageReference) -> Bool {
    guard reference.isPage else { return false }
    let state = pages.state(reference.page)
    return state.generation == reference.generation && state.residency != .free
  }

  /// A page that is nobody's; nil when all are in use.
  func takePage() -> UInt32? {
    if firstFree != 0 {
      let page = firstFree - 1
      firstFree = pages[page].next
      return page
    }
    guard freshCount < capacity else { return nil }
    freshCount += 1
    return UInt32(freshCount - 1)
  }

  /// Gives back a page of ``takePage()`` that was not used.
  func returnPage(_ page: UInt32) {
    pages[page].next = firstFree
    firstFree = page + 1
  }

  func queueRemove(_ page: UInt32) {
    switch pages[page].queue {
    case .none: break
    case .probation: probation.remove(page, in: pages)
    case .protected: protected.remove(page, in: pages)
    }
  }

  /// Frees `page`, but for the pins of `ownPinCount` of this thread; false while others have some.
  func retire(_ page: UInt32, ownPinCount: Int = 0) -> Bool {
    var state = pages.state(page)
    while state.pinCount == ownPinCount {
      let freed = PageState(
        generation: state.generation &+ 1, residency: .free, isReturning: false)
      if pages.change(page, from: state, to: freed) {
        forget(page, residency: state.residency)
        return true
      }
      state = pages.state(page)
    }
    return false
  }

  private func forget(_ page: UInt32, residency: PageState.Residency) {
    queueRemove(page)
    if residency == .compressed || pages[page].copy != 0 {
      log.forget(byteCount: pages[byteCount: page])
      pages[page].copy = 0
    }
    if residency == .hot {
      arenas.free(frame: pages[location: page])
      counts.hotPageCount -= 1
    }
    if pages[page].sample != 0 { contents.remove(page, in: pages) }
    counts.logicalPageCount -= Int(pages[page].referenceCount)
    volumes.discharge(pages[volume: page])
    domains.discharge(pages[page].domain)
    returnPage(page)
  }

  /// Whether `reference` names zeros or a page that is still that page.
  func isHere(_ reference: PageReference) -> Bool {
    reference == .zeros || isAlive(reference)
  }

  /// Forgets `file`; pages that no other file names are freed.
  func remove(_ file: TierFile) {
    guard unsafe !file.isRemoved else { return }
    unsafe file.isRemoved = true
    counts.mapByteCount -= file.map.byteCount
    file.map.removeAll { reference in
      if reference == .zeros {
        counts.zeroMappingCount -= 1
      } else if isAlive(reference) {
        pages[reference.page].referenceCount -= 1
        counts.logicalPageCount -= 1
        // A page that somebody reads is nobody's from now on, and goes when it is its turn.
        if pages[reference.page].referenceCount == 0 { _ = retire(reference.page) }
      }
    }
  }

  /// Decides anew about the compressed part, if enough was seen since.
  func adaptShare(compressedHitCount: UInt64) {
    guard options.compresses, share.isDue(hitCount: compressedHitCount) else { return }
    share.decide(hitCount: compressedHitCount, arenaCount: arenas.limit)
  }

  /// What is held; what was read is counted elsewhere.
  var statistics: TierStatistics {
    var result = TierStatistics()
    result.budgetByteCount = arenas.limit * Arenas.byteCount
    result.residentByteCount =
      counts.hotPageCount * PageContent.pageByteCount + log.liveByteCount
    result.arenaByteCount = arenas.openCount * Arenas.byteCount
    result.logicalByteCount =
      (counts.logicalPageCount + counts.zeroMappingCount) * PageContent.pageByteCount
    result.pageCount = counts.hotPageCount
    result.compressedPageCount = log.pageCount
    result.compressedByteCount = log.liveByteCount
    result.zeroPageCount = counts.zeroMappingCount
    return result
  }

  /// For a thread that evicts; nil when others have them all.
  func takeBatch() -> EvictionBatch? {
    idleBatches.popLast()
  }

  func returnBatch(_ batch: EvictionBatch) {
    idleBatches.append(batch)
  }
}
