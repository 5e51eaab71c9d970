package import Bytes

/// Who remembers what the files of an image hold, for when it is opened again.
///
/// What it says is a claim like the image's own: nothing is shared because of it before bytes were
/// compared. Nothing here waits.
package protocol FingerprintMemory: AnyObject, Sendable {
  /// The SHA-256 that `file`, of `byteCount` bytes, once had; nil when that is not known.
  func fingerprint(ofFile file: UInt64, byteCount: UInt64) -> Digest?

  /// Hears that `file` has the SHA-256 `fingerprint`; nil when it has another one than was said.
  func note(_ fingerprint: Digest?, ofFile file: UInt64, byteCount: UInt64)
}

/// A file as its image's ``FingerprintMemory`` knows it.
package struct RememberedFile: Sendable {
  let memory: any FingerprintMemory
  let number: UInt64

  /// File `number` of the image whose files `memory` remembers.
  package init(_ number: UInt64, in memory: any FingerprintMemory) {
    self.number = number
    self.memory = memory
  }
}
