internal import BlockStore
internal import Bytes
internal import PageTier

/// What the cache remembers of the files of one remote image, by their nids.
///
/// What was known when the image was opened, for as long as its object is neither invalidated nor
/// removed; what is found out meanwhile is for the next time. Thread-safe; only making one waits.
final class RememberedFingerprints: FingerprintMemory {
  private let object: StoredObject
  private let known: StoredFingerprints

  /// Loads what is remembered of the files in `object`.
  init(of object: StoredObject) {
    self.object = object
    known = object.fingerprints()
  }

  func fingerprint(ofFile file: UInt64, byteCount: UInt64) -> Digest? {
    object.isStale ? nil : known.digest(ofFile: file, byteCount: byteCount)
  }

  func note(_ fingerprint: Digest?, ofFile file: UInt64, byteCount: UInt64) {
    object.noteFingerprint(fingerprint, ofFile: file, byteCount: byteCount)
  }
}
