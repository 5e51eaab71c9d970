internal import Bytes

/// Checks the records of an index one by one, and against each other.
struct RecordAudit {
  private struct Content: Comparable {
    let object: UInt64
    let block: UInt32

    static func < (one: Content, other: Content) -> Bool {
      (one.object, one.block) < (other.object, other.block)
    }
  }

  private let geometry: Geometry
  private(set) var objectCount = 0
  private(set) var slotCount = 0
  private(set) var pinCount = 0
  private(set) var fingerprintCount = 0
  private var counters = BlockIndex.Counters()
  private var hasIdentifier = false
  private var epochs: [UInt64: UInt32] = [:]
  private var contents: [Content] = []

  init(geometry: Geometry) {
    self.geometry = geometry
  }

  mutating func checkMeta(_ key: [UInt8], _ value: RawSpan) throws(IndexFault) {
    guard value.byteCount == 16 else { throw IndexFault("a record of the table meta is damaged") }
    if key == BlockIndex.uuidKey {
      hasIdentifier = true
    } else if key == BlockIndex.countersKey {
      counters.lastSequence = value.load(fromByteOffset: 0)
      counters.lastObjectID = value.load(fromByteOffset: 8)
    } else {
      throw IndexFault("an unknown record in the table meta")
    }
  }

  mutating func checkObject(_ id: UInt64, _ value: RawSpan) throws(IndexFault) {
    guard let record = ObjectRecord(decoding: value, id: id) else {
      throw IndexFault("object \(id): the record is damaged")
    }
    guard id <= counters.lastObjectID else {
      throw IndexFault("object \(id): newer than the counters")
    }
    epochs[id] = record.epoch
    objectCount += 1
  }

  mutating func checkSlot(_ slot: UInt32, _ value: RawSpan) throws(IndexFault) {
    guard Int(slot) < StoreConfiguration.slotCountMax,
      let record = SlotRecord(decoding: value, slot: slot)
    else { throw IndexFault("slot \(slot): the record is damaged") }
    slotCount += 1
    if record.flags == .free { return }
    guard record.flags.isEmpty, record.start == 0,
      (1...geometry.blockByteCount).contains(record.validByteCount),
      record.sequence >= 1, record.sequence <= counters.lastSequence
    else { throw IndexFault("slot \(slot): the record is out of range") }
    if epochs[record.object] == record.epoch, Int(slot) < geometry.slotCount {
      contents.append(Content(object: record.object, block: record.block))
    }
  }

  mutating func checkPins(_ id: UInt64, _ value: RawSpan) throws(IndexFault) {
    guard PinnedBlocks(decoding: value, id: id) != nil else {
      throw IndexFault("object \(id): the record of its pins is damaged")
    }
    pinCount += 1
  }

  mutating func checkFingerprint(_ key: [UInt8], _ value: RawSpan) throws(IndexFault) {
    guard let key = FingerprintRecord.Key(decoding: key.rawSpan) else {
      throw IndexFault("a key of the table fingerprint is damaged")
    }
    guard FingerprintRecord(decoding: value, key: key) != nil else {
      throw IndexFault(
        "object \(key.object), file \(key.file): the record of the fingerprint is damaged")
    }
    fingerprintCount += 1
  }

  /// Checks what only all records together tell.
  mutating func finish() throws(IndexFault) {
    guard hasIdentifier else { throw IndexFault("the index has no name") }
    contents.sort()
    for (one, next) in zip(contents, contents.dropFirst()) where one == next {
      throw IndexFault("block \(one.block) of object \(one.object) is in two slots")
    }
  }
}
