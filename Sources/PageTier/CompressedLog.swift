/// The compressed pages: a log over arenas, written at its newest end and given up at its oldest.
///
/// Entries lie one behind the other, in units of 32 bytes:
///
/// | Offset | Size | Field                                            |
/// |-------:|-----:|--------------------------------------------------|
/// |      0 |    4 | page; ``noPage`` for a gap                       |
/// |      4 |    4 | bytes that follow, up to the next entry          |
/// |      8 |      | what LZ4 made of the page                        |
///
/// An entry is live while its page is compressed and lies there. Unlike size classes, a log wastes
/// only the rounding, and its oldest end is a whole arena; the price is that the room of a page that
/// was promoted comes back only when its turn has come. Guarded by the tier's lock; allocates
/// nothing once it was made.
@safe
struct CompressedLog: @unchecked Sendable {
  /// Page locations count units, so a location reaches as far as 128 GiB.
  static let unitByteCount = 32
  private static let headerByteCount = 8
  private static let noPage = UInt32.max

  /// One entry, as it lies in its arena.
  struct Entry {
    /// Nil in a gap.
    let page: UInt32?
    let location: UInt32
    /// With its header.
    let byteCount: Int
  }

  private let bytes: ArenaBytes
  /// Oldest first; the last is written to.
  private var order: [Int] = []
  /// The bytes written in each arena.
  private var ends: [Int]
  private(set) var pageCount = 0
  /// Of live entries, rounded as they are stored.
  private(set) var liveByteCount = 0

  init(bytes: ArenaBytes, arenaCount: Int) {
    self.bytes = bytes
    ends = Array(repeating: 0, count: arenaCount)
    order.reserveCapacity(arenaCount)
  }

  /// What an entry for `byteCount` compressed bytes takes.
  static func entryByteCount(for byteCount: Int) -> Int {
    (headerByteCount + byteCount + unitByteCount - 1) & ~(unitByteCount - 1)
  }

  /// Whether `byteCount` compressed bytes can be appended.
  func hasRoom(for byteCount: Int) -> Bool {
    guard let newest = order.last else { return false }
    return ends[newest] + Self.entryByteCount(for: byteCount) <= Arenas.byteCount
  }

  /// Makes `arena`, which is not the log's, the one that is written to.
  ///
  /// It was swept, or holds nothing.
  mutating func begin(_ arena: Int) {
    order.append(arena)
  }

  /// Appends `page`, for which there is room; returns its location.
  @unsafe
  mutating func append(
    _ page: UInt32, _ source: UnsafeRawPointer, byteCount: Int
  ) -> UInt32 {
    precondition(hasRoom(for: byteCount), "the log's arena is full")
    let arena = order[order.count - 1]
    let offset = arena * Arenas.byteCount + ends[arena]
    let entryByteCount = Self.entryByteCount(for: byteCount)
    write(page: page, payload: entryByteCount - Self.headerByteCount, at: offset)
    unsafe bytes.address(atOffset: offset + Self.headerByteCount)
      .copyMemory(from: source, byteCount: byteCount)
    ends[arena] += entryByteCount
    pageCount += 1
    liveByteCount += entryByteCount
    return UInt32(offset / Self.unitByteCount)
  }

  /// Takes note that an entry of `byteCount` compressed bytes is no longer live.
  mutating func forget(byteCount: Int) {
    pageCount -= 1
    liveByteCount -= Self.entryByteCount(for: byteCount)
  }

  /// The compressed bytes of the page at `location`.
  @unsafe
  static func address(of location: UInt32, in bytes: ArenaBytes) -> UnsafeRawPointer {
    unsafe UnsafeRawPointer(
      bytes.address(atOffset: Int(location) * unitByteCount + headerByteCount))
  }

  /// The oldest arena, which the log no longer has afterwards.
  mutating func takeOldest() -> Int? {
    order.isEmpty ? nil : order.removeFirst()
  }

  /// The entry `offset` bytes into `arena`; nil at its end.
  func entry(in arena: Int, at offset: Int) -> Entry? {
    guard offset < ends[arena] else { return nil }
    let start = arena * Arenas.byteCount + offset
    let header = unsafe bytes.address(atOffset: start)
    let page = unsafe header.load(as: UInt32.self)
    return Entry(
      page: page == Self.noPage ? nil : page, location: UInt32(start / Self.unitByteCount),
      byteCount: Self.headerByteCount
        + Int(unsafe header.load(fromByteOffset: 4, as: UInt32.self)))
  }

  /// Moves `entry` down to `offset` bytes into `arena`; returns where it lies then.
  func move(_ entry: Entry, to offset: Int, in arena: Int) -> UInt32 {
    let start = arena * Arenas.byteCount + offset
    let old = Int(entry.location) * Self.unitByteCount
    if start != old {
      unsafe bytes.address(atOffset: start)
        .copyMemory(from: bytes.address(atOffset: old), byteCount: entry.byteCount)
    }
    return UInt32(start / Self.unitByteCount)
  }

  /// Makes `range` of `arena`, whole units, a gap.
  func skip(_ range: Range<Int>, in arena: Int) {
    guard !range.isEmpty else { return }
    write(
      page: Self.noPage, payload: range.count - Self.headerByteCount,
      at: arena * Arenas.byteCount + range.lowerBound)
  }

  /// Makes `arena` end after `byteCount` bytes.
  mutating func truncate(_ arena: Int, to byteCount: Int) {
    ends[arena] = byteCount
  }

  /// Puts `arena`, which was swept, back as the oldest.
  mutating func putBack(_ arena: Int) {
    order.insert(arena, at: 0)
  }

  private func write(page: UInt32, payload: Int, at offset: Int) {
    let header = unsafe bytes.address(atOffset: offset)
    unsafe header.storeBytes(of: page, as: UInt32.self)
    unsafe header.storeBytes(of: UInt32(payload), toByteOffset: 4, as: UInt32.self)
  }
}
