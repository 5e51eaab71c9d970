internal import Bytes
internal import LMDB
internal import Synchronization

/// Remembering what files inside objects hold, on the writer thread.
///
/// A record is a hint: it goes with other changes, and nothing is lost with it that could not be
/// found out again.
extension CommitWriter {
  /// Notes that go with a batch of blocks: 100 KB of index.
  static let notesPerBatch = 1024
  /// Notes of one commit that has nothing else to do, and records that one commit makes room by.
  private static let notesPerCommit = 4096

  /// Adds notes that wait to `changes`, up to `countMax`; drops them when the index has no room.
  func appendFingerprints(to changes: inout BlockIndex.Changes, countMax: Int) {
    let notes = core.fingerprints.take(countMax)
    guard let index, !notes.isEmpty, !index.isNearlyFull else { return }
    var growth = 0
    for note in notes {
      let owner = note.incarnation
      guard owner.isCurrent.load(ordering: .relaxed), !owner.isDirty.load(ordering: .relaxed) else {
        continue
      }
      let key = FingerprintRecord.Key(object: owner.objectID, file: note.file)
      let record = note.digest.map {
        FingerprintRecord(
          epoch: owner.epoch, byteCount: note.byteCount,
          version: FingerprintRecord.version(of: owner.coherency), digest: $0)
      }
      changes.fingerprints.append((key.encoded, record))
      if record != nil { growth += 1 }
    }
    let excess = index.fingerprintCount + growth - core.geometry.fingerprintCountMax
    guard growth > 0, excess > 0 else { return }
    if let idle = leastRecentOwner(in: index) {
      changes.forgotten.append((idle, max(excess, Self.notesPerCommit)))
    } else {
      changes.fingerprints.removeAll { $0.record != nil }
    }
  }

  /// The object with records that was in use the longest ago, of those that nobody has bound.
  ///
  /// O(objects with records), from the index.
  private func leastRecentOwner(in index: BlockIndex) -> UInt64? {
    guard let owners = try? index.fingerprintOwners() else { return nil }
    let objects = Dictionary(
      core.objects.all().map { ($0.objectID, $0) }, uniquingKeysWith: { one, _ in one })
    var oldest: (id: UInt64, lastUse: UInt32)?
    for (id, _) in owners {
      guard let object = objects[id] else { return id }
      let lastUse = object.lastUse.load(ordering: .relaxed)
      if object.bindCount.load(ordering: .acquiring) == 0, lastUse < oldest?.lastUse ?? .max {
        oldest = (id, lastUse)
      }
    }
    return oldest?.id
  }

  /// Writes the notes that wait, when no batch of blocks takes them along.
  func saveFingerprints() {
    while index != nil {
      var changes = BlockIndex.Changes()
      appendFingerprints(to: &changes, countMax: Self.notesPerCommit)
      if !changes.isEmpty { _ = commit(changes) }
      if core.fingerprints.count == 0 { return }
    }
  }

  /// What is remembered of the files of `object`, in this version of it.
  func fingerprints(of object: Incarnation) -> StoredFingerprints {
    var found = StoredFingerprints()
    guard let index, object.isCurrent.load(ordering: .relaxed) else { return found }
    let version = FingerprintRecord.version(of: object.coherency)
    // What cannot be read is not known.
    try? index.scanFingerprints(of: object.objectID) { key, record in
      guard let record, record.epoch == object.epoch, record.version == version else {
        return
      }
      found.append(key.file, record)
    }
    return found
  }

  /// Compares the records with the objects that there are; the keys of those that are wrong, each
  /// with what is wrong with it.
  func faultyFingerprints(
    in index: BlockIndex
  ) throws(LMDBError) -> [(key: [UInt8], fault: String)] {
    let objects = Dictionary(
      core.objects.all().map { ($0.objectID, $0) }, uniquingKeysWith: { one, _ in one })
    let leaving = Set(orphans)
    var faults: [(key: [UInt8], fault: String)] = []
    try index.scanFingerprints { bytes, record in
      guard let key = FingerprintRecord.Key(decoding: bytes) else {
        faults.append((bytes.copyBytes(), "a fingerprint's key is damaged"))
        return
      }
      let place = "object \(key.object), file \(key.file)"
      if let record {
        let owner = objects[key.object]
        guard owner?.epoch != record.epoch, !leaving.contains(key.object) else { return }
        faults.append((bytes.copyBytes(), "\(place): the fingerprint is of no object there is"))
      } else {
        faults.append((bytes.copyBytes(), "\(place): the record of the fingerprint is damaged"))
      }
    }
    return faults
  }
}
