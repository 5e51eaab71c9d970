internal import Bytes
internal import Linux

/// A bounded cache of file pages in RAM, each of which is kept once.
///
/// Pages are 4 KiB. Equal pages of one domain share their memory, zeros take none, and what is
/// evicted for the second time is kept compressed. All calls may be made from many threads at once.
/// Reading a page that is there takes no lock and allocates nothing; keeping one takes the one lock
/// for about a microsecond.
package final class PageTier: Sendable {
  package static let pageByteCount = PageContent.pageByteCount
  /// Pages that are looked at, without the lock, before they are kept.
  private static let insertionCount = 32

  let options: TierOptions
  private let core: TierCore
  private let counters = TierCounters()
  /// Makes it hard to guess which pages look alike to a domain.
  private let seed: UInt64

  /// An empty tier; nil when the process may not have so many addresses.
  package init?(_ options: TierOptions) {
    guard let core = TierCore(options: options) else { return nil }
    self.core = core
    self.options = options
    seed = UInt64.random(in: 1...UInt64.max)
  }

  /// A domain whose volumes may share pages, charged for at most `byteCountMax`; nil when there are
  /// thousands.
  package func makeDomain(byteCountMax: Int? = nil) -> TierDomain? {
    let number = core.withLock { core.domains.take(pageLimit: Self.pageLimit(byteCountMax)) }
    return number.map { TierDomain(number: $0, core: core) }
  }

  /// A volume, charged for at most `byteCountMax`; nil when there are thousands.
  package func makeVolume(in domain: TierDomain, byteCountMax: Int? = nil) -> TierVolume? {
    let number = core.withLock { core.takeVolume(pageLimit: Self.pageLimit(byteCountMax)) }
    return number.map { TierVolume(number: $0, domain: domain, core: core) }
  }

  /// Bytes of pages that `volume` is charged for; a compressed page counts like any.
  package func chargedByteCount(of volume: TierVolume) -> Int {
    core.withLock { core.volumes.pageCount(of: volume.number) } * Self.pageByteCount
  }

  /// Bytes of pages that `domain` is charged for.
  package func chargedByteCount(of domain: TierDomain) -> Int {
    core.withLock { core.domains.pageCount(of: domain.number) } * Self.pageByteCount
  }

  /// Lets `domain` be charged for at most `byteCountMax` bytes from now on, nil for any number.
  ///
  /// What it is charged for beyond that goes before this returns, but for pages that are being read.
  package func setLimit(_ byteCountMax: Int?, of domain: TierDomain) {
    core.withLock { core.domains.setPageLimit(Self.pageLimit(byteCountMax), of: domain.number) }
    core.enforceLimit(ofDomain: domain.number)
  }

  /// A file of `byteCount` bytes, at least 1, of which nothing is here yet.
  package func makeFile(byteCount: UInt64, volume: TierVolume) -> TierFile {
    TierFile(byteCount: byteCount, volume: volume)
  }

  /// Forgets `file`: nothing of it is found or kept afterwards.
  ///
  /// O(pages that were here).
  package func remove(_ file: TierFile) {
    core.withLock { core.remove(file) }
  }

  /// Charges `heir`, nil for nobody, for what `file` keeps from now on, if `old` was charged so far.
  func changeOwner(of file: TierFile, from old: TierVolume?, to heir: TierVolume?) {
    _ = core.withLock { file.changeOwner(from: old, to: heir) }
  }

  /// Lets only verified bytes into `file` from now on, or others too again.
  func setSealed(_ file: TierFile, _ isSealed: Bool) {
    core.withLock { unsafe file.isSealed = isSealed }
  }

  /// Copies what is here of `file` from `offset` on into `target`, up to the first page that is not.
  ///
  /// Returns the bytes copied; the range must lie within the file. `reader` tells whose hit it is.
  package func read(
    _ file: TierFile, at offset: UInt64, into target: inout MutableRawSpan, by reader: TierVolume
  ) -> Int {
    var tally = Tally(reader: reader.number)
    let filled = copy(file, at: offset, into: &target, &tally)
    count(tally)
    return filled
  }

  /// As ``read(_:at:into:by:)``, but neither counted nor a reason to keep anything.
  func peek(_ file: TierFile, at offset: UInt64, into target: inout MutableRawSpan) -> Int {
    var tally = Tally(reader: nil)
    return copy(file, at: offset, into: &target, &tally)
  }

  /// How many bytes from `offset` on, up to `end`, are not here, up to the first page that is.
  ///
  /// Counts them as misses. At least one page's bytes, for the caller found that one missing.
  package func missingByteCount(in file: TierFile, from offset: UInt64, to end: UInt64) -> Int {
    let pageByteCount = UInt64(Self.pageByteCount)
    var index = offset / pageByteCount + 1
    while index * pageByteCount < end, !core.isHere(file.map.reference(at: index)) {
      index += 1
    }
    counters.add(index - offset / pageByteCount, to: .misses)
    return Int(min(index * pageByteCount, end) - offset)
  }

  /// Whether all pages of `file` are here.
  package func isComplete(_ file: TierFile) -> Bool {
    for index in 0..<file.map.pageCount where !core.isHere(file.map.reference(at: index)) {
      return false
    }
    return true
  }

  /// Bytes of the pages of `file` that are here.
  package func heldByteCount(of file: TierFile) -> Int {
    file.map.count(where: core.isHere) * Self.pageByteCount
  }

  /// Keeps the pages of `file` that `bytes`, which lie `offset` bytes in, has all of.
  ///
  /// The last page of a file is as short as the file makes it. A sealed file takes only bytes that
  /// were verified.
  package func insert(
    _ bytes: RawSpan, into file: TierFile, at offset: UInt64, isVerified: Bool = false
  ) {
    let pageByteCount = UInt64(Self.pageByteCount)
    var index = (offset + pageByteCount - 1) / pageByteCount
    let end = offset + UInt64(bytes.byteCount)
    unsafe bytes.withUnsafeBytes { buffer in
      guard let start = buffer.baseAddress else { return }
      while (index + 1) * pageByteCount <= end {
        let pageCount = min(UInt64(Self.insertionCount), end / pageByteCount - index)
        unsafe insert(
          start + Int(index * pageByteCount - offset), pageCount: Int(pageCount), isVerified, file,
          index)
        index += pageCount
      }
      if end == file.byteCount, index * pageByteCount < end {
        unsafe insertTail(
          start + Int(index * pageByteCount - offset), isVerified, file, index)
      }
    }
  }

  /// The most memory for pages from now on.
  ///
  /// Gives back what is more than that, compressed pages first, before it returns. Allocates
  /// nothing. Returns what it is: whole arenas, at least one, and no more than the tier was made for.
  @discardableResult
  package func setBudget(byteCount: Int) -> Int {
    core.withLock {
      let arenaCount = min(max(1, byteCount / Arenas.byteCount), core.arenas.count)
      core.shrink(to: arenaCount)
      return arenaCount * Arenas.byteCount
    }
  }

  /// Drops all pages that nobody is reading, and gives their memory back.
  package func removeAll() {
    core.withLock {
      let limit = core.arenas.limit
      core.shrink(to: 0)
      core.arenas.limit = limit
    }
  }

  /// Whether page `index` of `file` is here, and compressed.
  package func isCompressed(_ index: UInt64, of file: TierFile) -> Bool {
    core.withLock { core.isCompressed(file.map.reference(at: index)) }
  }

  package var statistics: TierStatistics {
    var result = core.withLock { core.statistics }
    result.hits = counters.total(of: .hits)
    result.sharedHits = counters.total(of: .sharedHits)
    result.compressedHits = counters.total(of: .compressedHits)
    result.misses = counters.total(of: .misses)
    return result
  }
}

extension PageTier {
  /// What one read found, to be counted at once.
  private struct Tally {
    /// Nil for a read that does not count.
    let reader: UInt16?
    var hits: UInt64 = 0
    var sharedHits: UInt64 = 0
    var compressedHits: UInt64 = 0
  }

  private func count(_ tally: Tally) {
    if tally.hits > 0 { counters.add(tally.hits, to: .hits) }
    if tally.sharedHits > 0 { counters.add(tally.sharedHits, to: .sharedHits) }
    if tally.compressedHits > 0 { counters.add(tally.compressedHits, to: .compressedHits) }
  }

  private func copy(
    _ file: TierFile, at offset: UInt64, into target: inout MutableRawSpan, _ tally: inout Tally
  ) -> Int {
    let wanted = target.byteCount
    precondition(
      offset <= file.byteCount && UInt64(wanted) <= file.byteCount - offset,
      "a read past the end of a file")
    return unsafe target.withUnsafeMutableBytes { buffer -> Int in
      guard let start = buffer.baseAddress else { return 0 }
      var filled = 0
      while filled < wanted {
        let position = offset + UInt64(filled)
        let within = Int(position % UInt64(Self.pageByteCount))
        let length = min(Self.pageByteCount - within, wanted - filled)
        let reference = file.map.reference(at: position / UInt64(Self.pageByteCount))
        guard
          unsafe copy(reference, from: within, into: start + filled, byteCount: length, &tally)
        else { break }
        filled += length
      }
      return filled
    }
  }

  @inline(__always)
  @unsafe
  private func copy(
    _ reference: PageReference, from within: Int, into target: UnsafeMutableRawPointer,
    byteCount: Int, _ tally: inout Tally
  ) -> Bool {
    guard reference.isPage else {
      guard reference == .zeros else { return false }
      unsafe target.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
      tally.hits += 1
      return true
    }
    let isUse = tally.reader != nil
    guard
      let state = core.pages.pin(reference, isUse: isUse) ?? pinAfterMove(reference, isUse: isUse)
    else { return false }
    let page = reference.page
    var isWhole = true
    if state.residency == .hot {
      unsafe target.copyMemory(
        from: core.bytes.address(ofFrame: core.pages[location: page]) + within,
        byteCount: byteCount)
    } else {
      isWhole = unsafe core.decode(page, from: within, into: target, byteCount: byteCount)
      tally.compressedHits += 1
    }
    if core.pages[volume: page] != tally.reader { tally.sharedHits += 1 }
    core.pages.unpin(page)
    tally.hits += 1
    // The second use since it was compressed brings it back.
    if state.residency == .compressed, state.useCount > 0, isUse {
      core.withLock { core.promote(reference) }
    }
    return isWhole
  }

  /// A page that was moving has arrived once the lock was had.
  private func pinAfterMove(_ reference: PageReference, isUse: Bool) -> PageState? {
    let state = core.pages.state(reference.page)
    guard state.generation == reference.generation, state.residency != .free else { return nil }
    if state.residency == .moving {
      core.lock()
      core.unlock()
    }
    return core.pages.pin(reference, isUse: isUse)
  }

  @unsafe
  private func insert(
    _ start: UnsafeRawPointer, pageCount: Int, _ isVerified: Bool, _ file: TierFile,
    _ firstIndex: UInt64
  ) {
    let domainSeed = seed &+ UInt64(file.domain.number)
    var samples = InlineArray<32, UInt64>(repeating: 1)
    if core.options.sharesContent {
      for page in 0..<pageCount {
        samples[page] = unsafe PageContent.sample(
          of: start + page * Self.pageByteCount, seed: domainSeed)
      }
    }
    core.withLock {
      for page in 0..<pageCount {
        unsafe core.insert(
          start + page * Self.pageByteCount, sample: samples[page], isVerified: isVerified,
          into: file, at: firstIndex + UInt64(page))
      }
      core.adaptShare(compressedHitCount: counters.total(of: .compressedHits))
    }
  }

  @unsafe
  private func insertTail(
    _ start: UnsafeRawPointer, _ isVerified: Bool, _ file: TierFile, _ index: UInt64
  ) {
    unsafe withUnsafeTemporaryAllocation(byteCount: Self.pageByteCount, alignment: 64) { page in
      guard let base = page.baseAddress else { return }
      let byteCount = Int(file.byteCount % UInt64(Self.pageByteCount))
      unsafe base.copyMemory(from: start, byteCount: byteCount)
      unsafe (base + byteCount).initializeMemory(
        as: UInt8.self, repeating: 0, count: Self.pageByteCount - byteCount)
      unsafe insert(base, pageCount: 1, isVerified, file, index)
    }
  }

  private static func pageLimit(_ byteCount: Int?) -> Int {
    byteCount.map { $0 / pageByteCount } ?? .max
  }
}
