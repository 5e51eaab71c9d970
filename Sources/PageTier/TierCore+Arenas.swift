internal import Linux

// Memory between frames and log, and back to the system: always a whole arena.
extension TierCore {
  /// Makes the arenas in use no more than `arenaCount`, compressed pages first.
  ///
  /// Lock held, but not while readers are waited for: a page that is being read cannot move. More are
  /// in use afterwards only if one was read all the time, or somebody else wants another limit.
  func shrink(to arenaCount: Int) {
    arenas.limit = arenaCount
    share.limit(to: arenaCount)
    var waitCount = 0
    while arenas.openCount > arenaCount, arenas.limit == arenaCount {
      if let arena = emptyOldestLogArena() {
        arenas.close(arena)
      } else if let arena = arenas.emptiest(), empty(arena) {
        arenas.close(arena)
      } else if waitCount < Self.waitsMax {
        waitCount += 1
        unlock()
        Thread.sleep(milliseconds: 1)
        lock()
      } else {
        return
      }
    }
  }

  /// Milliseconds that readers are given to look away: copying a page takes less than one.
  private static var waitsMax: Int { 100 }

  /// Empties the oldest arena of the log, dropping its pages; nil when there is none or somebody
  /// reads one of them.
  func emptyOldestLogArena() -> Int? {
    guard let arena = log.takeOldest() else { return nil }
    if sweep(arena, keepingUsed: false) {
      log.putBack(arena)
      return nil
    }
    return arena
  }

  /// Gives the log another arena, if it may have one and a batch might not fit into its newest.
  ///
  /// The caller has no page pinned: one that cannot be moved would be in the way.
  func growLog() {
    let batchByteCount =
      EvictionBatch.countMax
      * CompressedLog.entryByteCount(for: EvictionBatch.compressedByteCountMax)
    guard arenas.logArenaCount < share.targetArenaCount, !log.hasRoom(for: batchByteCount),
      let arena = arenaForLog()
    else { return }
    log.begin(arena)
  }

  /// Makes room in the log for `byteCount` compressed bytes; false if it has no arena.
  func makeLogRoom(for byteCount: Int) -> Bool {
    if log.hasRoom(for: byteCount) { return true }
    // What was read since it was compressed stays for another round.
    guard let oldest = log.takeOldest() else { return false }
    _ = sweep(oldest, keepingUsed: true)
    log.begin(oldest)
    return log.hasRoom(for: byteCount)
  }

  private func arenaForLog() -> Int? {
    if let arena = arenas.open(for: .log) { return arena }
    guard let arena = arenas.emptiest(), empty(arena) else { return nil }
    arenas.assign(arena, to: .log)
    return arena
  }

  /// Moves the pages of `arena` into frames of others, for which as many of the coldest go; false
  /// if that cannot be done.
  private func empty(_ arena: Int) -> Bool {
    while arenas.freeFrameCount(outside: arena) < arenas.pageCount(of: arena) {
      guard dropOne() else { return false }
    }
    var index = 0
    while let (found, page) = arenas.page(in: arena, from: index) {
      guard move(page, outOf: arena) else { return false }
      index = found + 1
    }
    return true
  }

  private func move(_ page: UInt32, outOf arena: Int) -> Bool {
    guard let frame = arenas.takeFrame(for: page, outside: arena) else { return false }
    let state = pages.state(page)
    guard startMove(of: page, in: state) else {
      arenas.free(frame: frame)
      return false
    }
    let old = pages[location: page]
    unsafe bytes.address(ofFrame: frame)
      .copyMemory(from: bytes.address(ofFrame: old), byteCount: PageContent.pageByteCount)
    pages[location: page] = frame
    arenas.free(frame: old)
    pages.publish(page, as: state)
    return true
  }

  /// Packs or drops the pages of `arena`, which was taken from the log; true if some are left.
  private func sweep(_ arena: Int, keepingUsed: Bool) -> Bool {
    var read = 0
    var written = 0
    while let entry = log.entry(in: arena, at: read) {
      if let page = entry.page, pages[page].copy == entry.location + 1 {
        // Hot pages have no need of it for now.
        pages[page].copy = 0
        log.forget(byteCount: pages[byteCount: page])
      } else if let page = entry.page, isLive(page, at: entry.location) {
        let state = pages.state(page)
        if keepingUsed, state.useCount > 0, startMove(of: page, in: state) {
          pages[location: page] = log.move(entry, to: written, in: arena)
          var unused = state
          unused.useCount = 0
          pages.publish(page, as: unused)
          written += entry.byteCount
        } else if !retire(page) {
          // Somebody reads it where it is.
          log.skip(written..<read, in: arena)
          written = read + entry.byteCount
        }
      }
      read += entry.byteCount
    }
    log.truncate(arena, to: written)
    return written > 0
  }

  /// Whether `page` is compressed, and lies at `location`.
  private func isLive(_ page: UInt32, at location: UInt32) -> Bool {
    pages.state(page).residency == .compressed && pages[location: page] == location
  }

  /// Keeps readers away from `page`, whose state is `state`, until it is published again; false if
  /// somebody reads it.
  func startMove(of page: UInt32, in state: PageState, ownPinCount: Int = 0) -> Bool {
    var moving = state
    moving.residency = .moving
    return state.pinCount == ownPinCount && pages.change(page, from: state, to: moving)
  }

  /// Brings the compressed `page` back into a frame, if it is still what `reference` names.
  ///
  /// Lock held, but not while pages are compressed.
  func promote(_ reference: PageReference) {
    let page = reference.page
    guard isCompressed(reference) else { return }
    var frame = takeFrame(for: page)
    if frame == nil, evictSome() { frame = takeFrame(for: page) }
    guard let frame else { return }
    let state = pages.state(page)
    guard isCompressed(reference), startMove(of: page, in: state) else {
      arenas.free(frame: frame)
      return
    }
    guard
      unsafe decode(
        page, from: 0, into: bytes.address(ofFrame: frame),
        byteCount: PageContent.pageByteCount)
    else {
      arenas.free(frame: frame)
      pages.publish(page, as: state)
      return
    }
    pages[page].copy = pages[location: page] + 1
    pages[location: page] = frame
    counts.hotPageCount += 1
    protected.insert(page, in: pages)
    pages.publish(
      page, as: PageState(generation: state.generation, residency: .hot, isReturning: true))
  }

  /// Whether `reference` names a page that is still that page, and compressed.
  func isCompressed(_ reference: PageReference) -> Bool {
    guard reference.isPage else { return false }
    let state = pages.state(reference.page)
    return state.generation == reference.generation && state.residency == .compressed
  }
}
