package import Bytes

/// What the files of an object were found to hold, as it was remembered in the cache.
///
/// 48 bytes a file. A value, so any thread may ask it.
package struct StoredFingerprints: Sendable {
  private var files: [UInt64] = []
  private var byteCounts: [UInt64] = []
  private var digests: [UInt8] = []

  /// Of no file.
  package init() {}

  package var count: Int { files.count }

  /// Adds a file, whose number is higher than those before.
  mutating func append(_ file: UInt64, _ record: FingerprintRecord) {
    files.append(file)
    byteCounts.append(record.byteCount)
    digests += record.digest.bytes
  }

  /// The SHA-256 of `file`; nil when it is not remembered, or as one of another size than
  /// `byteCount`.
  package func digest(ofFile file: UInt64, byteCount: UInt64) -> Digest? {
    var low = 0
    var high = files.count
    while low < high {
      let middle = (low + high) / 2
      if files[middle] < file { low = middle + 1 } else { high = middle }
    }
    guard low < files.count, files[low] == file, byteCounts[low] == byteCount else { return nil }
    let start = low * Digest.byteCount
    return Digest([UInt8](digests[start..<start + Digest.byteCount]))
  }
}
