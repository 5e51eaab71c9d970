internal import BlockStore
internal import Bytes
internal import Linux
internal import Origins
internal import PageTier
internal import ReadPath

// What `cullet cache` asks for.
extension Node {
  package func status() throws(Failure) -> CacheStatusReport {
    let (status, blocks) = (store.status(), tiers.memory.statistics)
    let (memory, domains) = pages.use
    var origin = CacheStatusReport.Origin()
    for statistics in originStatistics { origin.add(statistics) }
    return CacheStatusReport(
      directory: status.directory, service: .init(status.service),
      formatVersion: status.formatVersion,
      blockSize: status.blockByteCount, capacityBytes: status.capacityByteCount,
      usedBytes: status.usedByteCount,
      blocks: .init(
        total: status.blocks.total, used: status.blocks.used, free: status.blocks.free,
        quarantined: status.blocks.quarantined, bad: status.blocks.bad, pinned: status.blocks.pinned
      ),
      objects: status.objectCount, limits: .init(status.limits),
      index: .init(
        bytes: status.index.byteCount, mapBytes: status.index.mapByteCount,
        fingerprints: status.index.fingerprintCount),
      owner: owner,
      disk: .init(
        hits: status.disk.hits, misses: status.disk.misses,
        filledBlocks: status.disk.filledBlocks, culledBlocks: status.disk.culledBlocks,
        checksumFailures: status.disk.checksumFailures, commits: status.disk.commits,
        dataSyncs: status.disk.dataSyncs, droppedFills: status.disk.droppedFills,
        refusedFills: status.disk.refusedFills, writeErrors: status.disk.writeErrors,
        readErrors: status.disk.readErrors),
      scrub: .init(status.scrub),
      origin: origin,
      memory: .init(
        budgetBytes: memory.budgetByteCount, residentBytes: memory.residentByteCount,
        logicalBytes: memory.logicalByteCount, pages: memory.pageCount,
        sharedHits: memory.sharedHits, zeroPages: memory.zeroPageCount,
        compressedBytes: memory.compressedByteCount, compressedPages: memory.compressedPageCount,
        hits: memory.hits, compressedHits: memory.compressedHits, misses: memory.misses,
        blocks: .init(
          budgetBytes: blocks.budgetByteCount, residentBytes: blocks.residentByteCount,
          hits: blocks.hits, misses: blocks.misses),
        domains: domains.map { domain in
          .init(
            name: domain.name, images: domain.imageCount, chargedBytes: domain.chargedByteCount,
            limitBytes: domain.byteCountMax, savedBytes: domain.savedByteCount)
        }))
  }

  package func objects() throws(Failure) -> [ObjectReport] {
    store.objectsInCullOrder().map { object in
      let standing = object.standing ?? CullStanding()
      let version = ObjectVersion(coherency: object.coherency)
      return ObjectReport(
        source: String(decoding: object.key, as: UTF8.self), size: object.byteCount,
        cachedBytes: object.cachedByteCount, blocks: object.blockCount,
        lastUse: CalendarTime(
          nanosecondsSinceEpoch: Int64(clamping: object.lastUse) &* 1_000_000_000
        ).rfc3339,
        culling: .init(
          blocksAhead: standing.blocksAhead, usedOnce: standing.usedOnceCount,
          usedAgain: standing.usedAgainCount, pinned: standing.pinnedCount),
        pinned: object.pinnedBlockCount > 0, pinnedBlocks: object.pinnedBlockCount,
        coherency: .init(etag: version?.entityTag, lastModified: version?.lastModified))
    }
  }

  package func cull(_ options: CullOptions) throws(Failure) -> CullOutcome {
    let key: [UInt8]? = if let source = options.source { try key(of: source) } else { nil }
    if let key, let source = options.source, store.find(key: key) == nil {
      throw Self.unknown(source)
    }
    let report = store.cull(
      CullRequest(
        targetFreePercent: options.targetPercentFree, byteCount: options.byteCount,
        olderThanSeconds: options.olderThanSeconds,
        key: key, isDryRun: options.isDryRun))
    // Blocks in RAM alone would be neither kept for the next process nor fetched again for it.
    if !options.isDryRun {
      tiers.memory.removeAll()
      pages.tier.removeAll()
    }
    return CullOutcome(
      culledBlocks: report.blockCount, culledBytes: report.byteCount,
      freeBlocks: report.freeBlockCount, dryRun: report.isDryRun)
  }

  package func verify(repair: Bool) throws(Failure) -> VerifyOutcome {
    let report = store.verify(repair: repair)
    return VerifyOutcome(
      checkedBlocks: report.checkedBlockCount, checksumFailures: report.failedBlockCount,
      indexFaults: report.indexFaults, repairedBlocks: report.repairedCount)
  }

  package func drop(_ source: String, keepingObject: Bool) throws(Failure) {
    let key = try key(of: source)
    // What RAM holds of it would hide that the disk has nothing any more.
    forgetBlocks(of: String(decoding: key, as: UTF8.self))
    pages.tier.removeAll()
    guard keepingObject ? store.invalidate(key: key) : store.remove(key: key) else {
      throw Self.unknown(source)
    }
  }

  package func pin(_ request: PinRequest) throws(Failure) -> PinOutcome {
    let key = try key(of: request.source)
    guard store.find(key: key) != nil else { throw Self.unknown(request.source) }
    let size = UInt64(store.blockByteCount)
    let blocks = request.ranges.map { ranges in
      PinnedBlocks(
        ranges: ranges.map { range in
          let first = UInt32(clamping: range.lowerBound / size)
          return first..<max(first, UInt32(clamping: range.upperBound.dividedRoundingUp(by: size)))
        })
    }
    do throws(StoreError) {
      let report =
        request.isPinning
        ? try store.pin(key: key, blocks ?? .whole) : try store.unpin(key: key, blocks ?? .whole)
      return PinOutcome(
        source: String(decoding: key, as: UTF8.self), pinnedBlocks: report.blockCount,
        totalPinnedBlocks: report.totalBlockCount, allowedBlocks: report.allowedBlockCount)
    } catch {
      throw Failure(error)
    }
  }

  package func resize(to byteCount: UInt64) throws(Failure) {
    do throws(StoreError) {
      try store.resize(to: byteCount)
    } catch {
      throw Failure(error)
    }
  }

  package func setLimits(_ limits: CacheStatusReport.Limits) throws(Failure) {
    do throws(StoreError) {
      try store.setLimits(
        CullLimits(
          brun: limits.brun, bcull: limits.bcull, bstop: limits.bstop, frun: limits.frun,
          fcull: limits.fcull, fstop: limits.fstop))
    } catch {
      throw Failure(error)
    }
  }

  private static func unknown(_ source: String) -> Failure {
    let source = ImageOpener.name(of: source)
    return Failure(.noInput, "\(source): not in the cache; 'cullet cache ls' shows what is")
  }

  /// The key under which the cache has `source`, however it is spelt.
  private func key(of source: String) throws(Failure) -> [UInt8] {
    [UInt8](try SourceReference(checking: source).name.utf8)
  }
}

extension CacheStatusReport.Service {
  init(_ service: StoreStatus.Service) {
    self =
      switch service {
      case .full: .full
      case .readsOnly: .readsOnly
      case .none: .none
      }
  }
}

extension CacheStatusReport.Scrub {
  init(_ scrub: StoreStatus.Scrub) {
    self.init(
      bytesPerSecond: scrub.byteRate, passes: scrub.passes, checkedBlocks: scrub.checkedBlocks,
      badBlocks: scrub.badBlocks,
      lastPassFinished: scrub.lastPassEnd.map { seconds in
        CalendarTime(nanosecondsSinceEpoch: Int64(clamping: seconds) &* 1_000_000_000).rfc3339
      })
  }
}

extension CacheStatusReport.Limits {
  init(_ limits: CullLimits) {
    self.init(
      brun: limits.brun, bcull: limits.bcull, bstop: limits.bstop, frun: limits.frun,
      fcull: limits.fcull, fstop: limits.fstop)
  }
}
