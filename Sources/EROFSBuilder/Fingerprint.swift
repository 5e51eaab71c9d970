internal import Bytes
internal import EROFS

/// The attribute that holds a file's SHA-256, by which Linux 7.0 shares pages between images.
///
/// Its whole name is long prefix 0: with the number of a namespace, or with 0 for names in none,
/// which no listing shows.
struct Fingerprint {
  private static let label = Array("sha256:".utf8)

  let prefix: AttributePrefix

  init(name: [UInt8]) {
    if let (namespace, rest) = AttributeNamespace.split(name) {
      prefix = AttributePrefix(namespace: namespace, infix: Array(rest))
    } else {
      prefix = AttributePrefix(namespace: 0, infix: name)
    }
  }

  /// The attribute of a file with this digest; all zeros stand for one that is not known yet.
  func attribute(_ digest: Digest?) -> AttributeFields {
    let bytes = digest?.bytes ?? [UInt8](repeating: 0, count: Digest.byteCount)
    return AttributeFields(nameIndex: 0x80, suffix: [], value: Self.label + bytes)
  }

  var filterBit: UInt32 {
    AttributeFilter.bit(namespace: prefix.namespace, rest: prefix.infix.rawSpan)
  }
}
