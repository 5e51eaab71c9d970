internal import Linux

// Who has to go: a queue of pages on probation, an eighth of all, in front of one of those that were
// read again, as in S3-FIFO (Yang et al., SOSP 2023); a page that came back after its eviction is
// compressed when it is evicted once more.
extension TierCore {
  /// Pages that are looked at for one victim, before it is said that there is none.
  private static var stepsMax: Int { 1024 }
  /// Pages that are looked at for a victim of one volume: some microseconds.
  private static var stepsForVolumeMax: Int { 4096 }
  /// The part of the hot pages that is on probation, at most, once there are others.
  private static var probationShare: Int { 8 }

  /// Frees a few frames; false if none could be.
  ///
  /// Lock held, but not while pages are compressed.
  func evictSome() -> Bool {
    growLog()
    let batch = arenas.logArenaCount > 0 ? takeBatch() : nil
    var freedCount = 0
    while freedCount + (batch?.count ?? 0) < EvictionBatch.countMax, let victim = nextVictim() {
      if let batch, pages[victim].copy == 0, pinForCompression(victim) {
        batch.append(victim)
      } else if demote(victim) || retire(victim) {
        freedCount += 1
      } else {
        requeue(victim)
      }
    }
    guard let batch else { return freedCount > 0 }
    if batch.count > 0 {
      unlock()
      batch.compress(pages, in: bytes)
      lock()
      freedCount += settle(batch)
    }
    returnBatch(batch)
    return freedCount > 0
  }

  /// Frees one frame without compressing anything; false if there is no victim.
  func dropOne() -> Bool {
    guard let victim = nextVictim() else { return false }
    if retire(victim) { return true }
    requeue(victim)
    return false
  }

  /// Frees a page that `volume` or its domain is charged for; false if none is found soon.
  ///
  /// A hand goes over all pages, as in the clock algorithm, so that the queues of the others stay as
  /// they are: a page that was used since the hand last came by is passed over.
  func dropOne(chargedTo volume: TierFile.Account) -> Bool {
    let ownsIt = volumes.isExhausted(volume.number)
    for _ in 0..<min(Self.stepsForVolumeMax, 2 * freshCount) {
      chargeHand = chargeHand + 1 < UInt32(freshCount) ? chargeHand + 1 : 0
      let candidate = chargeHand
      let state = pages.state(candidate)
      let isCharged =
        ownsIt
        ? pages[volume: candidate] == volume.number
        : pages[candidate].domain == volume.domain.number
      guard isCharged, state.residency != .free else { continue }
      if state.useCount > 0 {
        setUseCount(of: candidate, to: 0)
      } else if retire(candidate) {
        return true
      }
    }
    return false
  }

  /// The page to evict next, still in its queue, which nobody is reading.
  private func nextVictim() -> UInt32? {
    for _ in 0..<Self.stepsMax {
      let isProbationLong =
        probation.count * Self.probationShare > probation.count + protected.count
      let fromProbation = protected.count == 0 || (isProbationLong && probation.count > 0)
      guard let candidate = fromProbation ? probation.last : protected.last else { return nil }
      let state = pages.state(candidate)
      if state.pinCount == 0, state.useCount == 0 { return candidate }
      if state.useCount > 0 {
        queueRemove(candidate)
        // On probation any use proves enough; among the others each use is another round.
        setUseCount(of: candidate, to: fromProbation ? 0 : state.useCount - 1)
        protected.insert(candidate, in: pages)
      } else {
        requeue(candidate)
      }
    }
    return nil
  }

  /// Puts `page` at the young end of the queue that it is in.
  private func requeue(_ page: UInt32) {
    let isProtected = pages[page].queue == .protected
    queueRemove(page)
    if isProtected { protected.insert(page, in: pages) } else { probation.insert(page, in: pages) }
  }

  func setUseCount(of page: UInt32, to useCount: UInt64) {
    var state = pages.state(page)
    while true {
      var changed = state
      changed.useCount = useCount
      if pages.change(page, from: state, to: changed) { return }
      state = pages.state(page)
    }
  }

  /// Leaves of the hot `page` only what the log has of it; false if that is nothing, or it is read.
  private func demote(_ page: UInt32) -> Bool {
    let state = pages.state(page)
    guard pages[page].copy != 0, startMove(of: page, in: state) else { return false }
    queueRemove(page)
    arenas.free(frame: pages[location: page])
    counts.hotPageCount -= 1
    pages[location: page] = pages[page].copy - 1
    pages[page].copy = 0
    pages.publish(
      page,
      as: PageState(generation: state.generation, residency: .compressed, isReturning: true))
    return true
  }

  /// Takes `page` out of its queue with a pin, if it is to be compressed and nobody reads it.
  private func pinForCompression(_ page: UInt32) -> Bool {
    let state = pages.state(page)
    guard state.isReturning, state.pinCount == 0 else { return false }
    guard pages.change(page, from: state, to: state.pinned) else { return false }
    queueRemove(page)
    return true
  }

  /// Puts what was compressed into the log, and frees the frames; returns how many.
  private func settle(_ batch: EvictionBatch) -> Int {
    var freedCount = 0
    for index in 0..<batch.count {
      let page = batch.page(index)
      if pages.state(page).useCount > 0 {
        // It was read while it was compressed.
        pages.unpin(page)
        protected.insert(page, in: pages)
      } else if unsafe store(page, batch.bytes(index), byteCount: batch.byteCount(index))
        || retire(page, ownPinCount: 1)
      {
        freedCount += 1
      } else {
        pages.unpin(page)
        protected.insert(page, in: pages)
      }
    }
    batch.removeAll()
    return freedCount
  }

  /// Moves `page`, on which this thread has a pin, into the log; false if it cannot be.
  @unsafe
  private func store(
    _ page: UInt32, _ source: UnsafeMutableRawPointer, byteCount: Int
  ) -> Bool {
    guard byteCount > 0, makeLogRoom(for: byteCount) else { return false }
    let state = pages.state(page)
    guard startMove(of: page, in: state, ownPinCount: 1) else { return false }
    arenas.free(frame: pages[location: page])
    counts.hotPageCount -= 1
    pages[location: page] = unsafe log.append(page, source, byteCount: byteCount)
    pages[byteCount: page] = byteCount
    pages.publish(
      page,
      as: PageState(generation: state.generation, residency: .compressed, isReturning: true))
    return true
  }
}
