internal import BlockStore
internal import Bytes
internal import LMDB
internal import Linux
internal import TestSupport

/// A cache of millions of slots that its index says are in use: the data file is a hole.
///
/// The records are written as Design/index.md has them, in bulk, while no store has the cache open.
/// Their sequence numbers are shuffled, so the order of use has nothing to do with where slots lie:
/// the worst case for culling, and the usual one after a while.
struct PopulatedStore {
  static let key = [UInt8]("populated".utf8)
  private static let slotBatchCount = 1 << 16

  let directory: String
  let usedCount: Int
  let slotCount: Int
  private let indexByteCount: Int

  /// Makes a cache in `directory` with `usedCount` slots in use and a tenth more that are free.
  init(in directory: String, usedCount: Int) throws {
    self.directory = directory
    self.usedCount = usedCount
    slotCount = usedCount / 10 * 11
    let configuration = StoreConfiguration(
      capacityByteCount: UInt64(slotCount * FilledStore.blockByteCount),
      blockByteCount: FilledStore.blockByteCount)
    let store = try CacheStore(opening: directory, creatingWith: configuration)
    indexByteCount = store.status().index.mapByteCount
    _ = try Self.bind(in: store, usedCount: usedCount)
    store.close()
    try populate()
  }

  /// Opens the cache; it must be closed.
  func open() throws -> CacheStore {
    try CacheStore(opening: directory, creatingWith: StoreConfiguration())
  }

  /// Has the kernel forget the index, as after other work on the machine.
  func dropIndexPages() throws {
    try dropPages(of: "\(directory)/index/data.mdb")
    try dropPages(of: "\(directory)/recency")
  }

  /// Marks all slots in use again that are, and forgets the order of their use.
  func populate() throws {
    let environment = try Environment(
      opening: "\(directory)/index", mapByteCount: indexByteCount, tableCount: 4)
    let (meta, slots) = (
      try environment.openTable("meta"), try environment.openTable("slot", keys: .integer)
    )
    var sequences = Array(1...UInt64(usedCount))
    var generator = SeededGenerator(seed: 6)
    sequences.shuffle(using: &generator)
    for first in stride(from: 0, to: usedCount, by: Self.slotBatchCount) {
      try environment.write { transaction throws(LMDBError) in
        for slot in first..<min(usedCount, first + Self.slotBatchCount) {
          let record = Self.record(slot: UInt32(slot), sequence: sequences[slot])
          try transaction.put(record.rawSpan, for: UInt32(slot), in: slots)
        }
      }
    }
    try environment.write { transaction throws(LMDBError) in
      let key = [UInt8]("counters".utf8)
      // Never back: the superblock knows how far it has been.
      var lastSequence = UInt64(usedCount)
      if let known = try transaction.value(for: key.rawSpan, in: meta) {
        lastSequence = max(lastSequence, known.load(fromByteOffset: 0, as: UInt64.self))
      }
      var counters = ByteWriter(reservingCapacity: 16)
      counters.append(lastSequence)
      counters.append(UInt64(1 << 20))  // above any object that has been bound here
      try transaction.put(
        counters.bytes.rawSpan, for: key.rawSpan, in: meta)
    }
    try Paths.removeFile("\(directory)/recency")
  }

  /// The object that the slots belong to: identity 1, for it is the first of its cache.
  static func bind(in store: CacheStore, usedCount: Int) throws -> StoredObject {
    try store.bind(
      key: key, coherency: [1], byteCount: UInt64(usedCount * FilledStore.blockByteCount))
  }

  private static func record(slot: UInt32, sequence: UInt64) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 40)
    var span = bytes.mutableRawSpan
    span.store(UInt64(1), atByteOffset: 0)
    span.store(slot, atByteOffset: 8)  // block
    span.store(UInt32(1), atByteOffset: 12)  // epoch
    span.store(sequence, atByteOffset: 16)
    let packed = UInt64(FilledStore.blockByteCount) << 20
    span.store(packed, atByteOffset: 32)
    let check = XXH64.hash(bytes.rawSpan, seed: UInt64(slot)) & 0xFFFF
    var checked = bytes.mutableRawSpan
    checked.store(packed | check << 48, atByteOffset: 32)
    return bytes
  }
}
