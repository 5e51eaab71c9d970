package import EROFSReader

/// A remote image that can be read through the cache.
package struct OpenedImage: Sendable {
  package let source: any BlockSource
  /// What tells its version from others, see ``ReadPath/ObjectVersion``.
  let coherency: [UInt8]
}

/// What commands ask of a cache, whether this process owns it or another one does.
///
/// All calls block and are safe from any thread.
package protocol CacheService: Sendable {
  /// Whether the owner stays, so that mounts can be given to it.
  func isResident() throws(Failure) -> Bool
  /// Asks an owner that does not stay to let the cache go; it reads on through the next one.
  func handOver() throws(Failure)
  func status() throws(Failure) -> CacheStatusReport
  func objects() throws(Failure) -> [ObjectReport]
  func cull(_ options: CullOptions) throws(Failure) -> CullOutcome
  func verify(repair: Bool) throws(Failure) -> VerifyOutcome
  /// Drops the blocks of `source` and, unless `keepingObject`, the object itself.
  func drop(_ source: String, keepingObject: Bool) throws(Failure)
  /// Keeps blocks from culling, or lets them be culled again.
  func pin(_ request: PinRequest) throws(Failure) -> PinOutcome
  /// Grows or shrinks the cache.
  func resize(to byteCount: UInt64) throws(Failure)
  func setLimits(_ limits: CacheStatusReport.Limits) throws(Failure)

  /// The bytes of a remote image, through the cache.
  func open(_ source: String) throws(Failure) -> OpenedImage

  /// Mounts an image; returns when it is usable.
  func mount(_ request: MountRequest) throws(Failure)
  /// Unmounts what this cache's owner serves at `directory`; false when it serves nothing there.
  func unmount(_ directory: String, lazily: Bool) throws(Failure) -> Bool
  func mounts(countsPages: Bool) throws(Failure) -> [MountReport]
  /// Returns when nothing is served at `directory` any more.
  func waitForUnmount(of directory: String) throws(Failure)
}
