/// A name within a directory, as the bytes it is made of.
///
/// Names are ordered by unsigned byte, as EROFS sorts them, and never pass through `String`: Swift
/// compares strings by canonical equivalence, and a name need not be UTF-8.
package struct FileName: Hashable, Comparable, Sendable {
  package let bytes: [UInt8]

  package init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  package init(_ text: String) {
    bytes = [UInt8](text.utf8)
  }

  package static func < (left: FileName, right: FileName) -> Bool {
    left.bytes.rawSpan.compareBytes(to: right.bytes.rawSpan) < 0
  }

  /// The name for a terminal: invalid UTF-8 is shown with replacement characters.
  package var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The name as exact text, or nil when it is not UTF-8.
  package var exactText: String? { String(validating: bytes, as: UTF8.self) }
}

extension RawSpan {
  /// Orders two byte strings as unsigned bytes, a prefix first: negative, zero or positive.
  @inlinable
  package func compareBytes(to other: RawSpan) -> Int {
    let shared = Swift.min(byteCount, other.byteCount)
    for index in 0..<shared {
      let difference = Int(byte(at: index)) - Int(other.byte(at: index))
      if difference != 0 { return difference }
    }
    return byteCount - other.byteCount
  }
}
