/// One shard of ``BlockMemory``: a dictionary of blocks threaded on a list by recency of use.
///
/// Invariants: `head` is the most and `tail` the least recently used entry; an entry is either on
/// the list and in the dictionary, or on the free list of indices; `residentByteCount` is the sum
/// over the list and at most the budget between calls.
struct RecentBlocks {
  private struct Entry {
    var key: BlockMemory.Key
    var bytes: [UInt8]
    /// When the disk cache was last told of a use, or given the block: monotonic nanoseconds.
    var lastNoted: UInt64
    var newer: Int
    var older: Int
  }

  private static let none = -1

  private let budgetByteCount: Int
  private let noteInterval: UInt64
  private var entries: [Entry] = []
  private var vacancies: [Int] = []
  private var index: [BlockMemory.Key: Int] = [:]
  private var head = none
  private var tail = none

  private(set) var residentByteCount = 0
  private(set) var hits: UInt64 = 0
  private(set) var misses: UInt64 = 0
  var blockCount: Int { index.count }

  /// A shard of `budgetByteCount` bytes; uses are worth noting once in `noteInterval` nanoseconds.
  init(budgetByteCount: Int, noteInterval: UInt64) {
    self.budgetByteCount = budgetByteCount
    self.noteInterval = noteInterval
  }

  func peek(_ key: BlockMemory.Key) -> [UInt8]? {
    index[key].map { entries[$0].bytes }
  }

  mutating func use(_ key: BlockMemory.Key, at now: UInt64) -> BlockMemory.Hit? {
    guard let position = index[key] else {
      misses += 1
      return nil
    }
    hits += 1
    unlink(position)
    linkAtHead(position)
    let isWorthNoting = now - min(now, entries[position].lastNoted) >= noteInterval
    if isWorthNoting { entries[position].lastNoted = now }
    return BlockMemory.Hit(bytes: entries[position].bytes, isWorthNoting: isWorthNoting)
  }

  mutating func insert(_ bytes: [UInt8], for key: BlockMemory.Key, at now: UInt64) {
    if let position = index[key] { remove(position) }
    guard bytes.count <= budgetByteCount else { return }
    while residentByteCount + bytes.count > budgetByteCount { remove(tail) }
    let entry = Entry(
      key: key, bytes: bytes, lastNoted: now, newer: Self.none, older: Self.none)
    let position: Int
    if let vacancy = vacancies.popLast() {
      position = vacancy
      entries[position] = entry
    } else {
      position = entries.count
      entries.append(entry)
    }
    index[key] = position
    residentByteCount += bytes.count
    linkAtHead(position)
  }

  mutating func removeAll(where isDead: (BlockMemory.Key) -> Bool) {
    for (key, position) in index where isDead(key) { remove(position) }
  }

  private mutating func remove(_ position: Int) {
    unlink(position)
    residentByteCount -= entries[position].bytes.count
    index[entries[position].key] = nil
    entries[position].bytes = []
    vacancies.append(position)
  }

  private mutating func linkAtHead(_ position: Int) {
    entries[position].newer = Self.none
    entries[position].older = head
    if head != Self.none { entries[head].newer = position } else { tail = position }
    head = position
  }

  private mutating func unlink(_ position: Int) {
    let (newer, older) = (entries[position].newer, entries[position].older)
    if newer != Self.none { entries[newer].older = older } else { head = older }
    if older != Self.none { entries[older].newer = newer } else { tail = newer }
  }
}
