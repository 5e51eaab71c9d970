internal import EROFSReader
internal import Linux

/// A remote image read through whoever owns the cache at the time: the owner of the moment may be
/// unmounted or killed, and this process or another takes its place.
///
/// Invariant: all bytes are of the version that was opened first. Thread-safe.
final class LastingSource: BlockSource {
  /// Owners do not die in series; a third loss has another reason.
  private static let attemptLimit = 3

  private let access: CacheAccess
  private let name: String
  private let coherency: [UInt8]
  private let current: Lock<Current>
  let byteCount: UInt64
  let isWhollyAtHand = false

  private struct Current {
    var source: any BlockSource
    var generation: Int
  }

  /// Reads `image`, which was opened no earlier than in `generation` of the cache's owners.
  init(
    _ image: OpenedImage, named name: String, generation: Int, through access: CacheAccess
  ) {
    self.access = access
    self.name = name
    coherency = image.coherency
    current = Lock(Current(source: image.source, generation: generation))
    byteCount = image.source.byteCount
  }

  func read(into target: inout MutableRawSpan, at offset: UInt64) throws(SourceError) {
    var attemptCount = 1
    while true {
      let (source, generation) = current.withLock { ($0.source, $0.generation) }
      do throws(SourceError) {
        return try source.read(into: &target, at: offset)
      } catch {
        let isLost = (source as? RemoteSource)?.isLost == true || generation != access.generation
        guard isLost, attemptCount < Self.attemptLimit else { throw error }
        attemptCount += 1
        try replace(of: generation)
      }
    }
  }

  private func replace(of lost: Int) throws(SourceError) {
    access.forgetOwner(of: lost)
    let generation = access.generation
    let image: OpenedImage
    do throws(Failure) {
      image = try access.openImage(name)
    } catch {
      throw SourceError(.ioError, error.message)
    }
    guard image.coherency == coherency else {
      throw SourceError(.stale, "\(name) changed at its origin while it was being read")
    }
    current.withLock { $0 = Current(source: image.source, generation: generation) }
  }
}
