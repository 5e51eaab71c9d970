package import BlockStore
internal import Bytes
internal import Linux

/// What all objects of one cache share: memory over disk, and the queue to the origins.
package final class Tiers: Sendable {
  package let memory: BlockMemory
  package let store: CacheStore
  package let queue: FetchQueue
  private let lastObjectID = Lock<UInt64>(0)

  package init(memory: BlockMemory, store: CacheStore, queue: FetchQueue) {
    self.memory = memory
    self.store = store
    self.queue = queue
  }

  /// A number that no other object of this process has had: the memory tier's key.
  func nextObjectID() -> UInt64 {
    lastObjectID.withLock { last in
      last += 1
      return last
    }
  }

  /// Opens `origin`'s current version, or the cached one while the origin cannot be reached.
  ///
  /// Blocks for up to the origin's patience. A version that differs from the cached one replaces
  /// it: its blocks are dead at once.
  /// `open` is the object as it is open already, if it is: it is returned when it is current.
  package func open(
    _ origin: any Origin, reusing open: CachedObject? = nil
  ) throws(OpenError) -> CachedObject {
    let key = [UInt8](origin.name.utf8)
    let known = store.find(key: key).flatMap { ObjectVersion(coherency: $0.coherency) }
    let version: ObjectVersion
    do throws(OriginError) {
      version = try blockingOn { () async throws(OriginError) in try await origin.version() }
    } catch {
      guard case .unavailable = error.code, let known else { throw .origin(error) }
      version = known
    }
    let blockCount = version.byteCount.dividedRoundingUp(by: UInt64(store.blockByteCount))
    guard blockCount <= UInt64(UInt32.max) else {
      throw .origin(
        OriginError(
          .unsupported,
          "\(origin.name) says that it has \(version.byteCount) bytes, too many to cache"))
    }
    if let open, open.version == version, !open.isStale { return open }
    do throws(StoreError) {
      let stored = try store.bind(
        key: key, coherency: version.coherency, byteCount: version.byteCount)
      return CachedObject(origin: origin, version: version, stored: stored, tiers: self)
    } catch {
      throw .store(error)
    }
  }
}

/// Why a remote object could not be opened.
package enum OpenError: Error, Sendable {
  case origin(OriginError)
  case store(StoreError)
}
