internal import Synchronization

/// A group of objects that become invalid together: those of one origin, or one family of images.
///
/// Its coherency data is compared when it is acquired; with another one all of its objects are
/// dropped at once. Objects bound without a volume are in the default one, which is always there.
/// Any thread may call anything at any time.
package final class Volume: Sendable {
  /// What the volume was acquired as.
  package let key: [UInt8]
  private let store: CacheStore
  /// Nil when the cache had no room for the volume: its objects cache nothing.
  private let entry: VolumeEntry?

  /// Adopts one acquisition of `entry`.
  init(store: CacheStore, key: [UInt8], entry: VolumeEntry?) {
    self.store = store
    self.key = key
    self.entry = entry
  }

  deinit {
    entry?.acquisitionCount.wrappingSubtract(1, ordering: .releasing)
  }

  /// Whether the volume has been dropped since it was acquired; its objects cache nothing then.
  package var isStale: Bool {
    entry.map { !$0.isCurrent.load(ordering: .acquiring) } ?? false
  }

  /// Binds an object of the volume; see ``CacheStore/bind(key:coherency:byteCount:)``.
  package func bind(
    key: [UInt8], coherency: [UInt8], byteCount: UInt64
  ) throws(StoreError) -> StoredObject {
    try store.bind(key: key, in: entry?.id, coherency: coherency, byteCount: byteCount)
  }

  /// The volume's objects, ordered by the bytes of their keys.
  package func objects() -> [ObjectDescription] {
    guard let entry else { return [] }
    return store.objects { $0.name.volume == entry.id }
  }

  /// Makes what was filled into the volume's objects durable; throws when some of it had to be
  /// dropped just now.
  package func flush() throws(StoreError) {
    try store.flush()
  }

  /// Forgets the volume and all of its objects, durably; false when it was gone, or the index
  /// refused.
  package func retire() -> Bool {
    guard let entry else { return false }
    return store.core.queue.perform { writer in writer.remove(entry) } ?? false
  }
}

extension CacheStore {
  /// Acquires the volume called `key`, making it when unknown.
  ///
  /// With other coherency data than before, the volume's objects are dropped, durably, before this
  /// returns. When there is no room for another volume, or the store has given up, the result is
  /// one whose objects cache nothing. Throws `.badConfiguration` for a key of no bytes or more than
  /// 254, or overlong coherency data, `.closed` after ``close()``.
  package func acquireVolume(
    key: [UInt8], coherency: [UInt8]
  ) throws(StoreError) -> Volume {
    guard (1...VolumeEntry.keyByteCountMax).contains(key.count),
      coherency.count <= ObjectRecord.coherencyByteCountMax
    else {
      throw StoreError(
        .badConfiguration, path: core.directory,
        message: "a volume's name must have 1 to \(VolumeEntry.keyByteCountMax) bytes, its "
          + "coherency data up to \(ObjectRecord.coherencyByteCountMax)")
    }
    guard !core.isClosing.load(ordering: .relaxed) else { throw closedError() }
    let entry =
      core.queue.perform { writer in
        writer.acquireVolume(key: key, coherency: coherency)
      } ?? nil
    return Volume(store: self, key: key, entry: entry)
  }
}
