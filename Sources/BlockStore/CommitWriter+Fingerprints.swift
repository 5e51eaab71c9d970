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

  /// Adds notes that wait to `changes`, up to `countMax`.
  ///
  /// When there are too many records, those of objects go that were not in use for long, and what
  /// has no room waits on; it is dropped when no object can go.
  func appendFingerprints(to changes: inout BlockIndex.Changes, countMax: Int) {
    let notes = core.fingerprints.take(countMax)
    guard let index, !notes.isEmpty, !index.isNearlyFull else { return }
    var room = core.geometry.fingerprintCountMax - index.fingerprintCount
    for (position, note) in notes.enumerated() {
      let owner = note.incarnation
      guard owner.isCurrent.load(ordering: .relaxed), !owner.isDirty.load(ordering: .relaxed),
        owner.changeCount.load(ordering: .relaxed) == note.changeCount
      else { continue }
      let record = note.digest.map {
        FingerprintRecord(
          epoch: owner.epoch, byteCount: note.byteCount,
          version: FingerprintRecord.version(of: owner.coherency), digest: $0)
      }
      if record != nil { room -= 1 }
      guard room >= 0 else {
        let idle = idleOwners(in: index)
        changes.forgotten += idle.map { ($0, Self.notesPerCommit) }
        if !idle.isEmpty { core.fingerprints.putBack(notes[position...]) }
        return
      }
      let key = FingerprintRecord.Key(object: owner.objectID, file: note.file)
      changes.fingerprints.append((key.encoded, record))
    }
  }

  /// Objects with records that nobody has bound: the eighth of them that was in use the longest ago,
  /// and one at least.
  ///
  /// O(objects), from the index.
  private func idleOwners(in index: BlockIndex) -> ArraySlice<UInt64> {
    guard let owners = try? index.fingerprintOwners() else { return [] }
    let objects = Dictionary(
      core.objects.all().map { ($0.objectID, $0) }, uniquingKeysWith: { one, _ in one })
    var idle: [(id: UInt64, lastUse: UInt32)] = []
    for (id, _) in owners {
      let object = objects[id]
      guard object?.bindCount.load(ordering: .acquiring) ?? 0 == 0 else { continue }
      idle.append((id, object?.lastUse.load(ordering: .relaxed) ?? 0))
    }
    let coldest = idle.sorted { ($0.lastUse, $0.id) < ($1.lastUse, $1.id) }.map(\.id)
    return coldest.prefix(max(1, coldest.count / 8))
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
