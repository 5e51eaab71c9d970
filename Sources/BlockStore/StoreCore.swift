internal import Bytes
internal import Linux
internal import Synchronization

/// What the threads that read and fill share with the one that writes.
final class StoreCore: Sendable {
  let directory: String
  private let blockSizeBits: UInt8
  private let slotCount: Atomic<Int>
  let file: DataFile
  let pageChecks: PageChecks
  let table: SlotTable
  let objects = ObjectTable()
  let queue: FillQueue
  let fingerprints = FingerprintQueue()
  let counters = StoreCounters()
  /// Slots that failed a reader's check and are out of the table; the writer clears their records.
  let failedSlots = Lock([UInt32]())

  /// Set at the beginning of a close: nothing is taken in any more.
  let isClosing = Atomic<Bool>(false)
  /// Set when the store is closed or has given up: every read is a miss.
  let isWithdrawn = Atomic<Bool>(false)
  /// Set while there is no room that culling could make, by the writer.
  let isRefusing = Atomic<Bool>(false)
  /// Set when the disk has failed to take several batches in a row: nothing new is cached until the
  /// store is opened again.
  ///
  /// Reads go on, for every block is checked.
  let hasStoppedFills = Atomic<Bool>(false)
  /// Set while the number of slots is being changed.
  let isResizing = Atomic<Bool>(false)
  /// Fills before this monotonic time are dropped: the disk or the index was full a moment ago.
  let noSpaceUntil = Atomic<UInt64>(0)

  init(
    directory: String, geometry: Geometry, file: DataFile, table: SlotTable, fillWait: UInt64
  ) {
    self.directory = directory
    blockSizeBits = geometry.blockSizeBits
    slotCount = Atomic(geometry.slotCount)
    self.file = file
    self.table = table
    pageChecks = PageChecks(directory: directory, blockByteCount: geometry.blockByteCount)
    pageChecks.cut(to: geometry.slotCount)
    queue = FillQueue(geometry, fillWait: fillWait)
  }

  /// The cache's shape; the number of slots changes when it is resized.
  var geometry: Geometry {
    Geometry(blockSizeBits: blockSizeBits, slotCount: slotCount.load(ordering: .relaxed))
  }

  /// For the writer thread, which has seen to everything that more or fewer slots need.
  func setSlotCount(_ count: Int) {
    slotCount.store(count, ordering: .relaxed)
    queue.resize(to: geometry)
  }

  /// The directory of the index.
  var indexPath: String { "\(directory)/index" }

  /// Whether the block in a live slot is one that culling leaves; for the writer thread.
  func isPinned(_ slot: UInt32) -> Bool {
    let (handle, block) = table.key(of: slot)
    return objects.incarnation(handle: handle)?.pins.contains(block) ?? false
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
    if let pending = pending(incarnation, block: block, validByteCount: validByteCount) {
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

  /// A cached block as if it were filled again; nil when it cannot be read.
  func copy(ofBlock block: UInt32, in incarnation: Incarnation) -> PendingBlock? {
    guard let byteCount = geometry.validByteCount(ofBlock: block, in: incarnation.byteCount),
      let pin = table.pin(handle: incarnation.handle, block: block, now: nil)
    else { return nil }
    var buffer = AlignedBuffer(byteCount: geometry.blockByteCount)
    var bytes = buffer.mutableBytes
    let isRight = readSlot(
      pin, incarnation: incarnation, block: block, validByteCount: byteCount, into: &bytes)
    release(pin, keeping: isRight)
    guard isRight else { return nil }
    return PendingBlock(
      incarnation: incarnation, block: block, copying: bytes.bytes.extracting(0..<byteCount),
      slotByteCount: geometry.blockByteCount)
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
    return isRight(part.bytes, block, pin, of: incarnation)
  }

  /// Whether `bytes`, as they came from the slot, are what was filled; counts it when not.
  func isRight(
    _ bytes: RawSpan, _ block: UInt32, _ pin: SlotTable.Pin, of incarnation: Incarnation
  ) -> Bool {
    if incarnation.identity.checksum(ofBlock: block, bytes) == pin.checksum { return true }
    counters.checksumFailures.count()
    return false
  }

  /// The block while it waits to be written; nil also when it ends elsewhere since its object was
  /// resized.
  func pending(
    _ incarnation: Incarnation, block: UInt32, validByteCount: Int
  ) -> PendingBlock? {
    guard let found = queue.find(handle: incarnation.handle, block: block),
      found.validByteCount == validByteCount
    else { return nil }
    return found
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
  ///
  /// `onSettled` is called exactly once, see ``PendingBlock``, if and only if the result is true.
  func fill(
    _ incarnation: Incarnation, block: UInt32, with bytes: RawSpan,
    onSettled: (@Sendable (Bool) -> Void)?
  ) -> Bool {
    guard !isClosing.load(ordering: .relaxed), !isWithdrawn.load(ordering: .relaxed),
      !hasStoppedFills.load(ordering: .relaxed),
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
        slotByteCount: geometry.blockByteCount, onSettled: onSettled))
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
