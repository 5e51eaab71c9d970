internal import Linux
internal import Synchronization

/// An object in one epoch: what the slots in RAM belong to.
///
/// Invalidation makes a new incarnation with a new handle; the blocks of the old one cannot be
/// found from that moment, and are freed later. A handle is used again only when nothing refers to
/// it.
final class Incarnation: Sendable {
  let objectID: UInt64
  let epoch: UInt32
  let handle: UInt32
  let name: ObjectName
  let identity: BlockIdentity
  /// False once the object has been invalidated or removed.
  let isCurrent = Atomic<Bool>(true)
  /// Seconds since 1970.
  let lastUse: Atomic<UInt32>
  /// The last use that the index knows of.
  let savedUse: Atomic<UInt32>
  /// Slots that hold blocks of this incarnation, in the table or being taken out.
  let slotCount = Atomic<Int>(0)
  /// Fills on their way to the disk.
  let pendingCount = Atomic<Int>(0)
  /// ``StoredObject``s that are this incarnation; raised under the lock of ``ObjectTable``.
  let bindCount = Atomic<Int>(0)
  /// Whether the index says that somebody changes the blocks; set by the writer thread.
  let isDirty = Atomic<Bool>(false)
  /// Set when a block of a dirty object could not be taken in: what the cache has instead is of
  /// before the change, so that nothing of the object is to be read until it has a new epoch.
  let hasLostFill = Atomic<Bool>(false)
  /// Raised when what was found out about the files inside no longer holds.
  let changeCount = Atomic<UInt32>(0)
  private let size: Atomic<UInt64>
  private let details: Lock<Details>

  /// What the writer thread changes.
  private struct Details {
    var coherency: [UInt8]
    var pins = PinnedBlocks(ranges: [])
    /// Calls of ``StoredObject/use(willModify:)`` that have not been answered by an unuse.
    var useCount = 0
  }

  init(objectID: UInt64, handle: UInt32, record: ObjectRecord) {
    self.objectID = objectID
    epoch = record.epoch
    self.handle = handle
    name = record.name
    size = Atomic(record.byteCount)
    details = Lock(Details(coherency: record.coherency))
    identity = BlockIdentity(object: objectID, epoch: record.epoch)
    let use = UInt32(clamping: record.lastUse)
    lastUse = Atomic(use)
    savedUse = Atomic(use)
  }

  /// The blocks that culling leaves.
  var pins: PinnedBlocks {
    get { details.withLock { $0.pins } }
    set { details.withLock { $0.pins = newValue } }
  }

  var coherency: [UInt8] {
    get { details.withLock { $0.coherency } }
    set { details.withLock { $0.coherency = newValue } }
  }

  var useCount: Int {
    get { details.withLock { $0.useCount } }
    set { details.withLock { $0.useCount = newValue } }
  }

  /// The object's size, changed by the writer thread when no block is in the table that it
  /// concerns.
  var byteCount: UInt64 {
    get { size.load(ordering: .acquiring) }
    set { size.store(newValue, ordering: .releasing) }
  }

  /// Whether blocks may be read and filled.
  var isUsable: Bool {
    isCurrent.load(ordering: .acquiring) && !hasLostFill.load(ordering: .relaxed)
  }

  /// Notes that a fill did not get through.
  func noteLostFill() {
    if isDirty.load(ordering: .relaxed) { hasLostFill.store(true, ordering: .relaxed) }
  }

  /// The object's record as of now.
  var record: ObjectRecord {
    var record = ObjectRecord(
      name: name, epoch: epoch, byteCount: byteCount,
      lastUse: UInt64(lastUse.load(ordering: .relaxed)), coherency: coherency)
    record.isDirty = isDirty.load(ordering: .relaxed)
    return record
  }

  /// Notes a use at `now`, seconds since 1970.
  func noteUse(at now: UInt32) {
    // One store a second keeps the cache line quiet under many readers.
    if lastUse.load(ordering: .relaxed) != now { lastUse.store(now, ordering: .relaxed) }
  }

  /// Whether the index should be told of the latest use, next time it is written: once a minute.
  var isUseWorthSaving: Bool {
    lastUse.load(ordering: .relaxed) > savedUse.load(ordering: .relaxed) &+ 60
  }
}
