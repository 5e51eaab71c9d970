package import Bytes

/// What a file holds, by the SHA-256 of all of it and its size.
///
/// A claim until the bytes were seen: an image may say what it likes.
package struct FileIdentity: Hashable, Sendable {
  package let fingerprint: Digest
  package let byteCount: UInt64

  package init(fingerprint: Digest, byteCount: UInt64) {
    self.fingerprint = fingerprint
    self.byteCount = byteCount
  }
}

/// A file whose content was verified, as all images of a domain that claim it see it.
///
/// Its pages go with it.
final class SharedFile: Sendable {
  let identity: FileIdentity
  let file: TierFile
  let digests: PageDigests
  private let tier: PageTier

  init(identity: FileIdentity, file: TierFile, digests: PageDigests, tier: PageTier) {
    self.identity = identity
    self.file = file
    self.digests = digests
    self.tier = tier
  }

  deinit {
    tier.remove(file)
  }
}
