/// What RAM knows about one slot: 24 bytes, and 8 for its links in ``SlotTable``.
///
/// Who may touch what, once the store is open:
/// - `handle`, `block`, `checksum`: written by the writer thread, under the lock of the shard that
///   the key belongs to while the slot is in the table; so that thread reads them without a lock,
///   others under it.
/// - `lastUse`, `stamp`, `pins`, `state`, `isQueued`: under that lock; the writer thread alone
///   while the slot is not live.
struct Slot {
  enum State: UInt8 {
    /// Holds nothing; in ``FreeSlots``.
    case free
    /// Taken by a batch that is not committed yet.
    case filling
    /// In the table: readers find it.
    case live
    /// Out of the table, but its record may be on disk or a reader may hold it: not to be written.
    case quarantined
    /// Failed to read or write; not used again while the store is open.
    case bad
  }

  var checksum: UInt64 = 0
  var handle: UInt32 = 0
  var block: UInt32 = 0
  /// Seconds since 1970 of the last use that counted, see ``SlotTable/pin(handle:block:now:)``.
  var lastUse: UInt32 = 0
  /// The ``SlotTable`` use clock at that time.
  var stamp: UInt16 = 0
  /// Readers with their eyes on the slot; it is not reused before they look away.
  var pins: UInt8 = 0
  private var bits: UInt8 = 0

  var state: State {
    get { State(rawValue: bits & 0x7F) ?? .bad }
    set { bits = bits & 0x80 | newValue.rawValue }
  }

  /// Whether a use of the slot waits to be told to the recency list.
  var isQueued: Bool {
    get { bits & 0x80 != 0 }
    set { bits = newValue ? bits | 0x80 : bits & 0x7F }
  }
}
