internal import Bytes
internal import Linux

/// An index of blocks as one file of fixed records, all of it in RAM: what option (3) asks for.
///
/// A record is one 64-byte line of a sector, so it is written whole or not at all: object (8), block
/// (4), version (1), in use (1). Records are written in place, and are durable after ``sync()``.
struct BlockTable: ~Copyable {
  struct Key: Hashable {
    let object: Int
    let block: Int
  }

  private struct Entry {
    var key: Key
    var version: UInt8
    var lastUse: UInt64
  }

  private static let recordByteCount = 64

  private let file: FileDescriptor
  private var entries: [Entry?]
  private var slots: [Key: Int] = [:]
  private var free: [Int] = []
  /// Records to be written by the next ``sync()``.
  private var changed: Set<Int> = []
  private var clock: UInt64 = 0

  init(_ file: consuming FileDescriptor, slotCount: Int) throws {
    entries = .init(repeating: nil, count: slotCount)
    let bytes = try file.read(byteCount: slotCount * Self.recordByteCount, at: 0)
    self.file = file
    for slot in 0..<slotCount {
      let start = slot * Self.recordByteCount
      guard start + Self.recordByteCount <= bytes.count, bytes[start + 13] == 1 else {
        free.append(slot)
        continue
      }
      let record = bytes.rawSpan.extracting(start..<start + Self.recordByteCount)
      let key = Key(
        object: Int(record.load(fromByteOffset: 0, as: UInt64.self)),
        block: Int(record.load(fromByteOffset: 8, as: UInt32.self)))
      entries[slot] = Entry(key: key, version: record.byte(at: 12), lastUse: 0)
      slots[key] = slot
    }
    free.reverse()
  }

  /// The slot of a block in `version`, used now.
  mutating func find(_ key: Key, version: UInt8) -> Int? {
    guard let slot = slots[key], entries[slot]?.version == version else { return nil }
    clock += 1
    entries[slot]?.lastUse = clock
    return slot
  }

  /// A slot for a block; its record is written by the next ``sync()``.
  mutating func take(_ key: Key, version: UInt8) throws -> Int {
    guard let slot = free.popLast() else { throw LaboratoryError("no slot is free") }
    clock += 1
    entries[slot] = Entry(key: key, version: version, lastUse: clock)
    slots[key] = slot
    changed.insert(slot)
    return slot
  }

  /// Gives up the blocks of `object` in any version but `version`; whether there were any.
  mutating func drop(_ object: Int, but version: UInt8) -> Bool {
    var hasDropped = false
    for slot in entries.indices {
      guard let entry = entries[slot], entry.key.object == object, entry.version != version else {
        continue
      }
      release(slot)
      hasDropped = true
    }
    return hasDropped
  }

  /// Gives up the `count` blocks that were not used for longest; returns how many there were.
  mutating func dropColdest(_ count: Int) -> Int {
    let used = entries.indices.filter { entries[$0] != nil }
    let coldest = used.sorted { entries[$0]?.lastUse ?? 0 < entries[$1]?.lastUse ?? 0 }
      .prefix(count)
    for slot in coldest { release(slot) }
    return coldest.count
  }

  /// Makes all records durable; the slots given up may be written from then on.
  mutating func sync() throws {
    for slot in changed.sorted() {
      var bytes = [UInt8](repeating: 0, count: Self.recordByteCount)
      if let entry = entries[slot] {
        var span = bytes.mutableRawSpan
        span.store(UInt64(entry.key.object), atByteOffset: 0)
        span.store(UInt32(entry.key.block), atByteOffset: 8)
        span.store(UInt16(entry.version) | 1 << 8, atByteOffset: 12)
      } else {
        free.append(slot)
      }
      try file.write(bytes.rawSpan, at: UInt64(slot * Self.recordByteCount))
    }
    changed.removeAll()
    try file.syncData()
  }

  private mutating func release(_ slot: Int) {
    if let key = entries[slot]?.key, slots[key] == slot { slots[key] = nil }
    entries[slot] = nil
    changed.insert(slot)
  }

  /// The entries, and a hash table that is three quarters full at most.
  var byteCount: Int {
    entries.count * MemoryLayout<Entry?>.stride
      + slots.capacity * 4 / 3 * (MemoryLayout<Key>.stride + MemoryLayout<Int>.stride)
  }
}
