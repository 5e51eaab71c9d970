internal import Bytes
internal import Linux
internal import Synchronization

/// What the threads that read and fill share with the one that writes.
final class StoreCore: Sendable {
  let directory: String
  let geometry: Geometry
  let file: DataFile
  let table: SlotTable
  let objects = ObjectTable()
  let queue: FillQueue
  let counters = StoreCounters()
  /// Slots that failed a reader's check and are out of the table; the writer clears their records.
  let failedSlots = Lock([UInt32]())

  /// Set at the beginning of a close: nothing is taken in any more.
  let isClosing = Atomic<Bool>(false)
  /// Set when the store is closed or has given up: every read is a miss.
  let isWithdrawn = Atomic<Bool>(false)
  /// Set while there is no room that culling could make, by the writer.
  let isRefusing = Atomic<Bool>(false)
  /// Fills before this monotonic time are dropped: the disk or the index was full a moment ago.
  let noSpaceUntil = Atomic<UInt64>(0)

  init(directory: String, geometry: Geometry, file: DataFile) {
    self.directory = directory
    self.geometry = geometry
    self.file = file
    table = SlotTable(slotCount: geometry.slotCount)
    // A batch of a small cache must not push most of it out.
    let batchCount = min(
      256, max(1, (16 << 20) / geometry.blockByteCount), max(1, geometry.slotCount / 8))
    let pendingByteCount = min(
      64 << 20, max(2 * batchCount * geometry.blockByteCount, Int(geometry.capacityByteCount / 4)))
    queue = FillQueue(batchCountMax: batchCount, byteCountMax: pendingByteCount)
  }

  /// Seconds since 1970, as slots and objects note their uses.
  static var now: UInt32 { UInt32(clamping: WallClock.now / 1_000_000_000) }

  /// Reads a block of an incarnation; the caller has checked that it is current.
  ///
  /// A hit takes two locks of the table, one read and one hash; it allocates nothing.
  func read(
    _ incarnation: Incarnation, block: UInt32, validByteCount: Int,
    into target: inout MutableRawSpan
  ) -> Bool {
    guard !isWithdrawn.load(ordering: .relaxed) else { return false }
    // In this order: a block enters the table before it leaves the queue.
    if let pending = queue.find(handle: incarnation.handle, block: block) {
      let buffer = pending.buffer
      target.copy(buffer.bytes.extracting(0..<validByteCount))
      return true
    }
    let now = Self.now
    guard let pin = table.pin(handle: incarnation.handle, block: block, now: now) else {
      return false
    }
    incarnation.noteUse(at: now)
    let isRight = readSlot(
      pin, incarnation: incarnation, block: block, validByteCount: validByteCount, into: &target)
    release(pin, keeping: isRight)
    return isRight
  }

  /// Reads and checks the bytes of a slot that the caller holds.
  func readSlot(
    _ pin: SlotTable.Pin, incarnation: Incarnation, block: UInt32, validByteCount: Int,
    into target: inout MutableRawSpan
  ) -> Bool {
    var part = target._mutatingExtracting(0..<validByteCount)
    do throws(SystemError) {
      guard try file.read(slot: pin.slot, of: geometry, into: &part) else {
        counters.readErrors.count()
        return false
      }
    } catch {
      counters.readErrors.count()
      return false
    }
    guard incarnation.identity.checksum(ofBlock: block, part.bytes) == pin.checksum else {
      counters.checksumFailures.count()
      return false
    }
    return true
  }

  /// Ends a read; a block that was not right is a miss from here on, and its slot never reused.
  func release(_ pin: SlotTable.Pin, keeping: Bool) {
    if table.unpin(pin, keeping: keeping) {
      failedSlots.withLock { slots in slots.append(pin.slot) }
      queue.requestMaintenance()
    } else if table.isQueueFull.load(ordering: .relaxed) {
      queue.requestMaintenance()
    }
  }

  /// Whether the block would be a hit, unless its bytes have gone bad.
  func contains(_ incarnation: Incarnation, block: UInt32) -> Bool {
    guard !isWithdrawn.load(ordering: .relaxed) else { return false }
    return queue.find(handle: incarnation.handle, block: block) != nil
      || table.contains(handle: incarnation.handle, block: block)
  }

  /// Counts a use of the block that did not come here.
  func noteUse(_ incarnation: Incarnation, block: UInt32) {
    let now = Self.now
    incarnation.noteUse(at: now)
    table.touch(handle: incarnation.handle, block: block, now: now)
    if table.isQueueFull.load(ordering: .relaxed) { queue.requestMaintenance() }
  }

  /// Takes a copy of a block in, unless there is no room.
  func fill(_ incarnation: Incarnation, block: UInt32, with bytes: RawSpan) -> Bool {
    guard !isClosing.load(ordering: .relaxed), !isWithdrawn.load(ordering: .relaxed),
      MonotonicClock.now >= noSpaceUntil.load(ordering: .relaxed)
    else {
      counters.droppedFills.count()
      return false
    }
    if isRefusing.load(ordering: .relaxed) {
      counters.refusedFills.count()
      queue.requestMaintenance()  // what was in the way may have gone
      return false
    }
    guard queue.reserve(geometry.blockByteCount) else {
      counters.droppedFills.count()
      return false
    }
    queue.add(
      PendingBlock(
        incarnation: incarnation, block: block, copying: bytes,
        slotByteCount: geometry.blockByteCount))
    incarnation.noteUse(at: Self.now)
    return true
  }

  /// Gives up: reads miss, fills are dropped.
  ///
  /// What was in RAM is not to be trusted with more.
  func withdraw() {
    isWithdrawn.store(true, ordering: .relaxed)
  }

  /// Drops fills for a second: trying each one would only cost time.
  func pauseFills() {
    noSpaceUntil.store(MonotonicClock.now + 1_000_000_000, ordering: .relaxed)
  }
}
