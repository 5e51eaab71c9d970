internal import Bytes
internal import Linux

/// The contents of files that were seen, image by image.
///
/// Takes about 100 bytes for each distinct content. Thread-safe.
final class FileCensus: Sendable {
  /// The digest in words: an array of its own for each would take twice the memory.
  private struct Content: Hashable {
    let word0, word1, word2, word3: UInt64
    let byteCount: UInt64

    init(_ digest: Digest, byteCount: UInt64) {
      let bytes = digest.bytes.rawSpan
      word0 = bytes.load(fromByteOffset: 0)
      word1 = bytes.load(fromByteOffset: 8)
      word2 = bytes.load(fromByteOffset: 16)
      word3 = bytes.load(fromByteOffset: 24)
      self.byteCount = byteCount
    }
  }

  /// The image in which a content was seen last.
  private let lastImages = Lock<[Content: UInt32]>([:])

  /// Notes a file of `byteCount` bytes with the content of `digest` in image number `image`.
  ///
  /// Images come one after the other.
  func note(_ digest: Digest, byteCount: UInt64, image: UInt32) -> Sighting {
    let content = Content(digest, byteCount: byteCount)
    let last = lastImages.withLock { $0.updateValue(image, forKey: content) }
    return Sighting(isFirstInImage: last != image, isFirstInSet: last == nil)
  }
}
