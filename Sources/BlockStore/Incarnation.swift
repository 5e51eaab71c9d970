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
  let key: [UInt8]
  let coherency: [UInt8]
  let byteCount: UInt64
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
  /// Set by the writer thread.
  private let pinned = Lock(PinnedBlocks(ranges: []))

  init(objectID: UInt64, handle: UInt32, record: ObjectRecord) {
    self.objectID = objectID
    epoch = record.epoch
    self.handle = handle
    key = record.key
    coherency = record.coherency
    byteCount = record.byteCount
    identity = BlockIdentity(object: objectID, epoch: record.epoch)
    let use = UInt32(clamping: record.lastUse)
    lastUse = Atomic(use)
    savedUse = Atomic(use)
  }

  /// The blocks that culling leaves.
  var pins: PinnedBlocks {
    get { pinned.withLock { $0 } }
    set { pinned.withLock { $0 = newValue } }
  }

  /// The object's record as of now.
  var record: ObjectRecord {
    ObjectRecord(
      epoch: epoch, byteCount: byteCount, lastUse: UInt64(lastUse.load(ordering: .relaxed)),
      key: key, coherency: coherency)
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
