internal import Bytes
internal import Linux
internal import Synchronization

/// Reading several blocks at once: those whose slots are neighbours come by one call.
extension StoreCore {
  /// The most that one call reads: as much as the kernel asks a mount for at a time.
  private static let runByteCountMax = LargeBuffers.byteCount

  struct HeldBlock {
    let block: UInt32
    let pin: SlotTable.Pin
    let validByteCount: Int
  }

  /// Cached blocks, where they are at the moment.
  struct Located {
    var pending: [PendingBlock] = []
    var held: [HeldBlock] = []
  }

  /// Reads those of the ascending `blocks` that are cached and lends each one's bytes to `body`.
  ///
  /// First come those that wait to be written, then the others. The caller has checked that the
  /// incarnation, of an object of `byteCount` bytes, is current; `body` must do so.
  func read(
    _ incarnation: Incarnation, blocks: [UInt32], of byteCount: UInt64,
    _ body: (UInt32, RawSpan) -> Void
  ) {
    guard !isWithdrawn.load(ordering: .relaxed) else { return }
    let runCountMax = max(1, Self.runByteCountMax / geometry.blockByteCount)
    var first = 0
    while first < blocks.count {
      let end = min(blocks.count, first + runCountMax)
      let located = locate(blocks[first..<end], of: incarnation, byteCount)
      for pending in located.pending {
        let buffer = pending.buffer
        body(pending.block, buffer.bytes.extracting(0..<pending.validByteCount))
      }
      for run in runs(in: located.held) { readRun(run, of: incarnation, body) }
      first = end
    }
  }

  /// Finds what of `blocks` is cached, and holds the slots of what is on disk.
  func locate(
    _ blocks: some Sequence<UInt32>, of incarnation: Incarnation, _ byteCount: UInt64
  ) -> Located {
    let now = Self.now
    var located = Located()
    for block in blocks {
      guard let validByteCount = geometry.validByteCount(ofBlock: block, in: byteCount) else {
        continue
      }
      // In this order: a block enters the table before it leaves the queue.
      if let pending = pending(incarnation, block: block, validByteCount: validByteCount) {
        located.pending.append(pending)
      } else if let pin = table.pin(handle: incarnation.handle, block: block, now: now) {
        incarnation.noteUse(at: now)
        located.held.append(HeldBlock(block: block, pin: pin, validByteCount: validByteCount))
      }
    }
    return located
  }

  /// `held`, cut into those whose slots are neighbours.
  private func runs(in held: [HeldBlock]) -> [ArraySlice<HeldBlock>] {
    var runs: [ArraySlice<HeldBlock>] = []
    var start = 0
    while start < held.count {
      var end = start + 1
      while end < held.count, held[end].pin.slot == held[end - 1].pin.slot + 1 { end += 1 }
      runs.append(held[start..<end])
      start = end
    }
    return runs
  }

  /// Reads neighbours and lets go of them.
  private func readRun(
    _ run: ArraySlice<HeldBlock>, of incarnation: Incarnation, _ body: (UInt32, RawSpan) -> Void
  ) {
    if run.count == 1 {
      file.bounces.withBuffer(ofByteCount: geometry.blockByteCount) { buffer in
        var bytes = buffer.mutableBytes
        readRun(run, of: incarnation, by: &bytes, body)
      }
    } else {
      BounceBuffers.withLargeBuffer { bytes in readRun(run, of: incarnation, by: &bytes, body) }
    }
  }

  /// The same by way of `bytes`, which has room for them.
  private func readRun(
    _ run: ArraySlice<HeldBlock>, of incarnation: Incarnation, by bytes: inout MutableRawSpan,
    _ body: (UInt32, RawSpan) -> Void
  ) {
    guard let first = run.first, let last = run.last else { return }
    let slotByteCount = geometry.blockByteCount
    var isRead = false
    if run.count > 1 {
      let byteCount =
        (run.count - 1) * slotByteCount
        + last.validByteCount.roundedUp(toMultipleOf: AlignedBuffer.alignment)
      var part = bytes._mutatingExtracting(0..<byteCount)
      isRead = (try? file.read(slot: first.pin.slot, of: geometry, into: &part)) ?? false
    }
    for (index, held) in run.enumerated() {
      let start = index * slotByteCount
      // A bad sector costs the block that has it, not its neighbours: they are read by themselves.
      var slot = bytes._mutatingExtracting(start..<start + slotByteCount)
      let isRight =
        isRead
        ? isRight(
          slot.bytes.extracting(0..<held.validByteCount), held.block, held.pin, of: incarnation)
        : readSlot(
          held.pin, incarnation: incarnation, block: held.block,
          validByteCount: held.validByteCount, into: &slot)
      if isRight { body(held.block, slot.bytes.extracting(0..<held.validByteCount)) }
      release(held.pin, keeping: isRight)
    }
  }
}
