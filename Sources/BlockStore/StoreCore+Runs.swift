internal import Bytes
internal import Linux
internal import Synchronization

/// Reading several blocks at once: those whose slots are neighbours come by one call.
extension StoreCore {
  /// The most that one call reads: as much as the kernel asks a mount for at a time.
  private static let runByteCountMax = 1 << 20

  private struct HeldBlock {
    let block: UInt32
    let pin: SlotTable.Pin
    let validByteCount: Int
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
    let now = Self.now
    let runCountMax = max(1, Self.runByteCountMax / geometry.blockByteCount)
    var first = 0
    while first < blocks.count {
      let end = min(blocks.count, first + runCountMax)
      let held = hold(blocks[first..<end], of: incarnation, byteCount, now, body)
      var start = 0
      while start < held.count {
        var next = start + 1
        while next < held.count, held[next].pin.slot == held[next - 1].pin.slot + 1 { next += 1 }
        readRun(held[start..<next], of: incarnation, body)
        start = next
      }
      first = end
    }
  }

  /// Lends what waits to be written to `body`, and holds the slots of what is on disk.
  private func hold(
    _ blocks: ArraySlice<UInt32>, of incarnation: Incarnation, _ byteCount: UInt64, _ now: UInt32,
    _ body: (UInt32, RawSpan) -> Void
  ) -> [HeldBlock] {
    var held: [HeldBlock] = []
    held.reserveCapacity(blocks.count)
    for block in blocks {
      guard let validByteCount = geometry.validByteCount(ofBlock: block, in: byteCount) else {
        continue
      }
      // In this order: a block enters the table before it leaves the queue.
      if let pending = pending(incarnation, block: block, validByteCount: validByteCount) {
        let buffer = pending.buffer
        body(block, buffer.bytes.extracting(0..<validByteCount))
      } else if let pin = table.pin(handle: incarnation.handle, block: block, now: now) {
        incarnation.noteUse(at: now)
        held.append(HeldBlock(block: block, pin: pin, validByteCount: validByteCount))
      }
    }
    return held
  }

  /// Reads neighbours and lets go of them.
  private func readRun(
    _ run: ArraySlice<HeldBlock>, of incarnation: Incarnation, _ body: (UInt32, RawSpan) -> Void
  ) {
    guard let first = run.first, let last = run.last else { return }
    let slotByteCount = geometry.blockByteCount
    let isSingle = run.count == 1
    let bounces = isSingle ? file.bounces : runBounces
    bounces.withBuffer(ofByteCount: isSingle ? slotByteCount : Self.runByteCountMax) { buffer in
      let byteCount =
        (run.count - 1) * slotByteCount
        + last.validByteCount.roundedUp(toMultipleOf: AlignedBuffer.alignment)
      var bytes = buffer.mutableBytes
      var isRead = false
      if !isSingle {
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
}
