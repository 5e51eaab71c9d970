internal import Bytes
internal import LMDB
internal import Linux

/// The index on disk: an LMDB environment in the directory `index`, belonging to one data file.
///
/// | Table         | Key                  | Value                                                 |
/// |---------------|----------------------|-------------------------------------------------------|
/// | `meta`        | `uuid`               | 16 bytes; the data file's superblock names the same   |
/// | `meta`        | `counters`           | last sequence number, last object identity; 8 bytes each |
/// | `obj`         | object identity, u64 | ``ObjectRecord``                                      |
/// | `slot`        | slot number, u32     | ``SlotRecord``                                        |
/// | `pin`         | object identity, u64 | ``PinnedBlocks``, for objects that have any           |
/// | `fingerprint` | ``FingerprintRecord/Key`` | ``FingerprintRecord``, for files that were hashed |
///
/// Every change commits synchronously. Used by the writer thread only, so no read transaction ever
/// lies open while something is written.
final class BlockIndex {
  /// Changes that become durable together.
  struct Changes {
    /// Records to store; nil marks the slot as free.
    var slots: [(slot: UInt32, record: SlotRecord?)] = []
    /// Records to store; nil removes the object.
    var objects: [(id: UInt64, record: ObjectRecord?)] = []
    /// Blocks to keep from culling, instead of those before.
    ///
    /// Removing an object removes its pins.
    var pins: [(id: UInt64, blocks: PinnedBlocks)] = []
    /// Objects of whose files `countMax` are no longer remembered; applied before `fingerprints`.
    ///
    /// Removing an object removes all of them.
    var forgotten: [(id: UInt64, countMax: Int)] = []
    /// Records to store; nil removes what is there.
    var fingerprints: [(key: [UInt8], record: FingerprintRecord?)] = []
    var isEmpty: Bool {
      slots.isEmpty && objects.isEmpty && pins.isEmpty && forgotten.isEmpty && fingerprints.isEmpty
    }
  }

  /// The numbers that must never be given out twice.
  struct Counters: Equatable {
    var lastSequence: UInt64 = 0
    var lastObjectID: UInt64 = 0
  }

  static let tableCount = 5
  static let uuidKey = [UInt8]("uuid".utf8)
  static let countersKey = [UInt8]("counters".utf8)

  private let environment: Environment
  private let meta: Table
  private let objects: Table
  private let slots: Table
  private let pins: Table
  private let fingerprints: Table

  /// Opens the index in `directory`, making it when absent.
  init(opening directory: String, geometry: Geometry) throws(LMDBError) {
    environment = try Environment(
      opening: directory, mapByteCount: geometry.indexByteCount, tableCount: Self.tableCount)
    environment.clearDeadReaders()
    meta = try environment.openTable("meta")
    objects = try environment.openTable("obj", keys: .integer)
    slots = try environment.openTable("slot", keys: .integer)
    pins = try environment.openTable("pin", keys: .integer)
    // Caches of before there was this table get it here.
    fingerprints = try environment.openTable("fingerprint")
  }

  var mapByteCount: Int { environment.mapByteCount }

  /// Makes room for the records of a larger cache, and reserves it.
  func grow(to geometry: Geometry, in directory: String) throws(SystemError) {
    let byteCount = max(geometry.indexByteCount, mapByteCount)
    let data = try FileDescriptor(opening: "\(directory)/data.mdb", [.readWrite, .noFollow])
    try data.reserve(byteCount: UInt64(byteCount))
    try data.sync()
    do throws(LMDBError) {
      try environment.setMapByteCount(byteCount)
    } catch {
      throw SystemError(call: error.call, errno: .noSpace)
    }
  }

  /// Removes what records there are of `range`, durably.
  func removeSlots(_ range: Range<UInt32>) throws(LMDBError) {
    try environment.write { transaction throws(LMDBError) in
      for slot in range { try transaction.delete(slot, in: slots) }
    }
  }

  /// Names the index as the one of a data file.
  func setIdentifier(_ id: Identifier) throws(LMDBError) {
    try environment.write { transaction throws(LMDBError) in
      try transaction.put(id.bytes.rawSpan, for: Self.uuidKey.rawSpan, in: meta)
    }
  }

  func identifier() throws(LMDBError) -> Identifier? {
    try environment.read { transaction throws(LMDBError) -> Identifier? in
      guard let value = try transaction.value(for: Self.uuidKey.rawSpan, in: meta),
        value.byteCount == 16
      else { return nil }
      return Identifier(value)
    }
  }

  func counters() throws(LMDBError) -> Counters {
    try environment.read { transaction throws(LMDBError) -> Counters in
      guard let value = try transaction.value(for: Self.countersKey.rawSpan, in: meta),
        value.byteCount == 16
      else { return Counters() }
      return Counters(
        lastSequence: value.load(fromByteOffset: 0), lastObjectID: value.load(fromByteOffset: 8))
    }
  }

  /// Makes `changes` durable, all or none, before it returns.
  func commit(_ changes: Changes, counters: Counters) throws(LMDBError) {
    // In the order of the keys, a leaf page is found once for all its records.
    let slotChanges = changes.slots.sorted { $0.slot < $1.slot }
    try environment.write { transaction throws(LMDBError) in
      for (id, record) in changes.objects {
        if let record {
          try transaction.put(record.encoded(id: id).rawSpan, for: id, in: objects)
        } else {
          try transaction.delete(id, in: objects)
          try transaction.delete(id, in: pins)
          try transaction.delete(
            withPrefix: FingerprintRecord.Key.prefix(of: id).rawSpan, in: fingerprints)
        }
      }
      for (id, blocks) in changes.pins {
        if blocks.isEmpty {
          try transaction.delete(id, in: pins)
        } else {
          try transaction.put(blocks.encoded(id: id).rawSpan, for: id, in: pins)
        }
      }
      for (id, countMax) in changes.forgotten {
        try transaction.delete(
          withPrefix: FingerprintRecord.Key.prefix(of: id).rawSpan, in: fingerprints,
          countMax: countMax)
      }
      for (bytes, record) in changes.fingerprints {
        if let record, let key = FingerprintRecord.Key(decoding: bytes.rawSpan) {
          try transaction.put(
            record.encoded(key: key).rawSpan, for: bytes.rawSpan, in: fingerprints)
        } else {
          try transaction.delete(bytes.rawSpan, in: fingerprints)
        }
      }
      for (slot, record) in slotChanges {
        let bytes = (record ?? .free).encoded(slot: slot)
        try transaction.put(bytes.rawSpan, for: slot, in: slots)
      }
      var writer = ByteWriter(reservingCapacity: 16)
      writer.append(counters.lastSequence)
      writer.append(counters.lastObjectID)
      try transaction.put(writer.bytes.rawSpan, for: Self.countersKey.rawSpan, in: meta)
    }
  }

  /// Calls `body` with every object record; nil stands for a damaged one.
  func scanObjects(_ body: (UInt64, ObjectRecord?) -> Void) throws(LMDBError) {
    try environment.read { transaction throws(LMDBError) in
      var cursor = try TableCursor(over: objects, in: transaction)
      while try cursor.next() {
        guard cursor.key.byteCount == 8 else { continue }
        let id = cursor.key.load(fromByteOffset: 0, as: UInt64.self)
        body(id, ObjectRecord(decoding: cursor.value, id: id))
      }
    }
  }

  /// Calls `body` with every object that has pins; damaged records are passed over.
  func scanPins(_ body: (UInt64, PinnedBlocks) -> Void) throws(LMDBError) {
    try environment.read { transaction throws(LMDBError) in
      var cursor = try TableCursor(over: pins, in: transaction)
      while try cursor.next() {
        guard cursor.key.byteCount == 8 else { continue }
        let id = cursor.key.load(fromByteOffset: 0, as: UInt64.self)
        if let blocks = PinnedBlocks(decoding: cursor.value, id: id) { body(id, blocks) }
      }
    }
  }

  /// Calls `body` with every slot record, in the order of the slots; nil stands for a damaged one.
  func scanSlots(_ body: (UInt32, SlotRecord?) -> Void) throws(LMDBError) {
    try environment.read { transaction throws(LMDBError) in
      var cursor = try TableCursor(over: slots, in: transaction)
      while try cursor.next() {
        guard cursor.key.byteCount == 4 else { continue }
        let slot = cursor.key.load(fromByteOffset: 0, as: UInt32.self)
        body(slot, SlotRecord(decoding: cursor.value, slot: slot))
      }
    }
  }

  /// Calls `body` with the key and the record of every fingerprint; nil stands for a damaged one.
  func scanFingerprints(_ body: (RawSpan, FingerprintRecord?) -> Void) throws(LMDBError) {
    try environment.read { transaction throws(LMDBError) in
      var cursor = try TableCursor(over: fingerprints, in: transaction)
      while try cursor.next() {
        if let key = FingerprintRecord.Key(decoding: cursor.key) {
          body(cursor.key, FingerprintRecord(decoding: cursor.value, key: key))
        } else {
          body(cursor.key, nil)
        }
      }
    }
  }

  /// Calls `body` with every record of files of object `id`, in the order of the files; nil stands
  /// for what is damaged.
  func scanFingerprints(
    of id: UInt64, _ body: (FingerprintRecord.Key, FingerprintRecord?) -> Void
  ) throws(LMDBError) {
    try environment.read { transaction throws(LMDBError) in
      var cursor = try TableCursor(over: fingerprints, in: transaction)
      var isThere = try cursor.seek(to: FingerprintRecord.Key.prefix(of: id).rawSpan)
      while isThere, let key = FingerprintRecord.Key(decoding: cursor.key), key.object == id {
        body(key, FingerprintRecord(decoding: cursor.value, key: key))
        isThere = try cursor.next()
      }
    }
  }

  /// The objects that have fingerprints, with the epoch of the first, which is nil if it is damaged.
  ///
  /// O(objects), however many records each has.
  func fingerprintOwners() throws(LMDBError) -> [(id: UInt64, epoch: UInt32?)] {
    try environment.read { transaction throws(LMDBError) in
      var owners: [(id: UInt64, epoch: UInt32?)] = []
      var cursor = try TableCursor(over: fingerprints, in: transaction)
      var isThere = try cursor.next()
      while isThere, let key = FingerprintRecord.Key(decoding: cursor.key) {
        owners.append((key.object, FingerprintRecord(decoding: cursor.value, key: key)?.epoch))
        guard key.object < .max else { break }
        isThere = try cursor.seek(
          to: FingerprintRecord.Key.prefix(of: key.object + 1).rawSpan)
      }
      return owners
    }
  }

  /// Records of fingerprints; 0 when that cannot be read.
  var fingerprintCount: Int {
    let count = try? environment.read { transaction throws(LMDBError) in
      try transaction.size(of: fingerprints).entryCount
    }
    return count ?? 0
  }

  /// Pages that hold records; what is left of the map is free or about to be.
  func usedPageCount() throws(LMDBError) -> Int {
    try environment.read { transaction throws(LMDBError) -> Int in
      try transaction.size(of: meta).pageCount + transaction.size(of: objects).pageCount
        + transaction.size(of: slots).pageCount + transaction.size(of: pins).pageCount
        + transaction.size(of: fingerprints).pageCount
    }
  }

  /// Bytes of pages that hold records.
  func usedByteCount() throws(LMDBError) -> Int {
    try usedPageCount() * environment.pageByteCount
  }

  /// Whether records take so much of the map that copying what changes may fail: three quarters.
  var isNearlyFull: Bool {
    guard let used = try? usedPageCount() else { return false }
    return used > environment.mapByteCount / max(1, environment.pageByteCount) / 4 * 3
  }
}
