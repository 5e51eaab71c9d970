internal import Bytes
internal import Linux
internal import Synchronization

/// Reading a range of an object to where it is wanted, without a copy in between.
extension StoreCore {
  /// A part of a block whose slot is held.
  private struct Part {
    let held: HeldBlock
    /// The bytes of the block that are wanted.
    let wanted: Range<Int>
    /// Where they belong in the target.
    let place: Int

    var isWhole: Bool { wanted == 0..<held.validByteCount }
    /// Whether both ends are ends of pages.
    var isAligned: Bool {
      (wanted.lowerBound | wanted.upperBound) & (PageChecks.pageByteCount - 1) == 0
    }
  }

  /// Reads what is cached of the bytes from `offset` of an object of `byteCount` bytes into `target`,
  /// which ends within it; appends the blocks that are missing.
  ///
  /// What `target` holds of those is unspecified. Of a block that is wanted in part only the pages
  /// wanted are read, if the range begins and ends with a page or the object. Neighbours in the data
  /// file are read by one call, and in memory that is page-aligned nothing is copied. The caller has
  /// checked that the incarnation is current, and does so again.
  func read(
    _ incarnation: Incarnation, at offset: UInt64, of byteCount: UInt64,
    into target: inout MutableRawSpan, missing: inout [UInt32]
  ) {
    guard target.byteCount > 0 else { return }
    let end = offset + UInt64(target.byteCount)
    let bits = UInt64(geometry.blockSizeBits)
    let blocks = UInt32(offset >> bits)..<UInt32((end - 1) >> bits) + 1
    // The object may have become shorter since the caller looked.
    guard !isWithdrawn.load(ordering: .relaxed), end <= byteCount else {
      missing.append(contentsOf: blocks)
      return
    }
    func wanted(_ block: UInt32, _ validByteCount: Int) -> (bytes: Range<Int>, place: Int) {
      let start = UInt64(block) << bits
      let first = max(offset, start)
      let bytes = Int(first - start)..<Int(min(end, start + UInt64(validByteCount)) - start)
      return (bytes, Int(first - offset))
    }
    let located = locate(blocks, of: incarnation, byteCount)
    var found: [UInt32] = located.pending.map(\.block)
    for pending in located.pending {
      let buffer = pending.buffer
      let (bytes, place) = wanted(pending.block, pending.validByteCount)
      target.copy(buffer.bytes.extracting(bytes), atByteOffset: place)
    }
    let parts = located.held.map { held in
      let (bytes, place) = wanted(held.block, held.validByteCount)
      return Part(held: held, wanted: bytes, place: place)
    }
    var start = 0
    while start < parts.count {
      var next = start + 1
      while next < parts.count, parts[next - 1].isAligned, parts[next].isAligned,
        parts[next].held.pin.slot == parts[next - 1].held.pin.slot + 1,
        parts[next].held.block == parts[next - 1].held.block + 1
      {
        next += 1
      }
      read(parts[start..<next], of: incarnation, into: &target, found: &found)
      start = next
    }
    guard found.count < blocks.count else { return }
    missing.append(contentsOf: blocks.filter { !found.contains($0) })
  }

  /// Reads `parts`, neighbours in the data file as in the object, lets go of their slots and adds those
  /// that are right to `found`.
  private func read(
    _ parts: ArraySlice<Part>, of incarnation: Incarnation, into target: inout MutableRawSpan,
    found: inout [UInt32]
  ) {
    guard let first = parts.first, let last = parts.last else { return }
    var isRead = false
    if parts.count > 1 {
      var bytes = target._mutatingExtracting(first.place..<last.place + last.wanted.count)
      isRead =
        (try? file.readInPlace(
          slot: first.held.pin.slot, from: first.wanted.lowerBound, of: geometry, into: &bytes))
        ?? false
    }
    for part in parts {
      let held = part.held
      var bytes = target._mutatingExtracting(part.place..<part.place + part.wanted.count)
      let (isRight, keeping) = read(part, of: incarnation, isRead: isRead, into: &bytes)
      if isRight { found.append(held.block) }
      release(held.pin, keeping: keeping)
    }
  }

  /// Reads one part, unless that was done, and checks it.
  ///
  /// Also tells whether its slot may be kept.
  private func read(
    _ part: Part, of incarnation: Incarnation, isRead: Bool, into target: inout MutableRawSpan
  ) -> (isRight: Bool, keeping: Bool) {
    let held = part.held
    if part.isWhole {
      let isRight =
        isRead
        ? self.isRight(target.bytes, held.block, held.pin, of: incarnation)
        : readSlot(
          held.pin, incarnation: incarnation, block: held.block,
          validByteCount: held.validByteCount, into: &target)
      return (isRight, isRight)
    }
    let endsWithPage =
      part.wanted.upperBound % PageChecks.pageByteCount == 0
      || part.wanted.upperBound == held.validByteCount
    guard part.wanted.lowerBound % PageChecks.pageByteCount == 0, endsWithPage,
      pageChecks.isUsable
    else { return (false, true) }
    let page = part.wanted.lowerBound / PageChecks.pageByteCount
    var isThere = isRead
    if !isThere {
      isThere =
        (try? file.read(
          slot: held.pin.slot, from: part.wanted.lowerBound, of: geometry, into: &target)) ?? false
    }
    if isThere,
      pageChecks.agree(
        with: target.bytes, from: page, slot: held.pin.slot, checksum: held.pin.checksum)
    {
      return (true, true)
    }
    // Only the whole block can tell what is right.
    return file.bounces.withBuffer(ofByteCount: geometry.blockByteCount) { buffer in
      var bytes = buffer.mutableBytes
      let isRight = readSlot(
        held.pin, incarnation: incarnation, block: held.block,
        validByteCount: held.validByteCount, into: &bytes)
      guard isRight else { return (false, false) }
      target.copy(bytes.bytes.extracting(part.wanted))
      let block = bytes.bytes.extracting(0..<held.validByteCount)
      pageChecks.write(
        CollectionOfOne(PageChecks.checks(of: block, checksum: held.pin.checksum)),
        slot: held.pin.slot)
      return (true, true)
    }
  }
}
