internal import Bytes
internal import LMDB
internal import Linux

/// Whether an index that a crash of the machine left behind can be believed.
///
/// Meant to run in a process of its own, see ``IndexHelper``: whatever the pages hold, only that
/// one may come to harm, or take too long. O(slots); reads the index and changes nothing.
package enum IndexAudit {
  /// Throws what is wrong with the index in `directory`, of a cache of `slotCount` slots.
  ///
  /// Nobody may have it open for writing. Records of slots beyond the count, of blocks beyond their
  /// object or of epochs gone by are no faults: the owner clears those, as it does after any crash.
  package static func check(
    _ directory: String, slotCount: Int, blockByteCount: Int
  ) throws(IndexFault) {
    guard StoreConfiguration.blockByteCounts.contains(blockByteCount),
      blockByteCount.nonzeroBitCount == 1, (1...StoreConfiguration.slotCountMax).contains(slotCount)
    else { throw IndexFault("a cache has no such blocks") }
    let geometry = Geometry(
      blockSizeBits: UInt8(blockByteCount.trailingZeroBitCount), slotCount: slotCount)
    var records = RecordAudit(geometry: geometry)
    try checkPages("\(directory)/data.mdb", &records)
    try records.finish()
    try checkLibrary(directory, geometry, records)
  }

  /// Checks every page, and that each has one use at most.
  private static func checkPages(
    _ path: String, _ records: inout RecordAudit
  ) throws(IndexFault) {
    let file: FileDescriptor
    do throws(SystemError) {
      file = try FileDescriptor(opening: path, [.readOnly, .noFollow])
    } catch {
      throw IndexFault("\(error)")
    }
    let meta = try IndexMeta(reading: file)
    var walker = PageWalker(over: file, meta)
    var tables: [[UInt8]: PageTree] = [:]
    try walker.walk(meta.main, .bytes, isDirectory: true) { key, value throws(IndexFault) in
      guard let tree = PageTree(decoding: value) else {
        throw IndexFault("a table's record is damaged")
      }
      tables[key.bytes] = tree
    }
    let fingerprintTable = tables[Array("fingerprint".utf8)]
    // Caches of before there were fingerprints have no table of them.
    let tableCount = fingerprintTable == nil ? BlockIndex.tableCount - 1 : BlockIndex.tableCount
    guard tables.count == tableCount, let metaTable = tables[Array("meta".utf8)],
      let objectTable = tables[Array("obj".utf8)], let slotTable = tables[Array("slot".utf8)],
      let pinTable = tables[Array("pin".utf8)]
    else { throw IndexFault("the tables are not those of an index") }
    try walker.walk(metaTable, .bytes) { key, value throws(IndexFault) in
      try records.checkMeta(key.bytes, value)
    }
    try walker.walk(objectTable, .integer(byteCount: 8)) { key, value throws(IndexFault) in
      try records.checkObject(key.number, value)
    }
    try walker.walk(slotTable, .integer(byteCount: 4)) { key, value throws(IndexFault) in
      try records.checkSlot(UInt32(truncatingIfNeeded: key.number), value)  // from four bytes
    }
    try walker.walk(pinTable, .integer(byteCount: 8)) { key, value throws(IndexFault) in
      try records.checkPins(key.number, value)
    }
    if let fingerprintTable {
      try walker.walk(fingerprintTable, .bytes) { key, value throws(IndexFault) in
        try records.checkFingerprint(key.bytes, value)
      }
    }
    var freePages: [UInt64] = []
    try walker.walk(meta.free, .integer(byteCount: 8)) { key, value throws(IndexFault) in
      try append(value, freedBy: key.number, until: meta.transaction, to: &freePages)
    }
    for page in freePages { try walker.claim(page) }
  }

  /// Decodes an entry of the free list: a count, then as many page numbers, and perhaps room.
  private static func append(
    _ value: RawSpan, freedBy transaction: UInt64, until newest: UInt64, to pages: inout [UInt64]
  ) throws(IndexFault) {
    guard transaction <= newest, value.byteCount >= 8, value.byteCount % 8 == 0 else {
      throw IndexFault("the free list is damaged")
    }
    let count = value.load(fromByteOffset: 0, as: UInt64.self)
    guard count < UInt64(value.byteCount / 8) else {
      throw IndexFault("the free list is damaged")
    }
    var previous = UInt64.max
    for index in 0..<Int(count) {
      let page = value.load(fromByteOffset: 8 + 8 * index, as: UInt64.self)
      guard page < previous else { throw IndexFault("the free list is in disorder") }
      previous = page
      pages.append(page)
    }
  }

  /// Sees to it that the index library finds as many records as the pages have.
  private static func checkLibrary(
    _ directory: String, _ geometry: Geometry, _ records: RecordAudit
  ) throws(IndexFault) {
    do throws(LMDBError) {
      let environment = try Environment(
        inspecting: directory, mapByteCount: geometry.indexByteCount,
        tableCount: BlockIndex.tableCount)
      let counts = try environment.read { transaction throws(LMDBError) -> [Int] in
        var counts: [Int] = []
        let names = ["obj", "slot", "pin"] + (records.fingerprintCount > 0 ? ["fingerprint"] : [])
        for name in names {
          var count = 0
          var cursor = try TableCursor(
            over: try transaction.existingTable(name), in: transaction)
          while try cursor.next() { count += 1 }
          counts.append(count)
        }
        return counts
      }
      let expected = [
        records.objectCount, records.slotCount, records.pinCount, records.fingerprintCount,
      ]
      guard counts == Array(expected.prefix(counts.count)) else {
        throw LMDBError(.corrupted, call: "mdb_cursor_get")
      }
    } catch {
      throw IndexFault("\(error)")
    }
  }
}
