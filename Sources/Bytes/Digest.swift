/// A SHA-256 digest.
package struct Digest: Hashable, Sendable {
  package static let byteCount = 32

  /// The 32 raw bytes.
  package let bytes: [UInt8]

  /// The digest, or nil when `bytes` is not 32 bytes long.
  package init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.byteCount else { return nil }
    self.bytes = bytes
  }

  /// Lower-case hexadecimal, 64 characters.
  package var hex: String { bytes.hex }
}

extension [UInt8] {
  /// Lower-case hexadecimal, two characters a byte.
  package var hex: String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(count * 2)
    for byte in self {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}
