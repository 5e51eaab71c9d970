package import Bytes

/// The Range field of a request (RFC 9110, 14.2), as far as one range goes.
package enum RangeRequest: Hashable, Sendable {
  /// `bytes=10-19`, or `bytes=10-` without an end.
  case from(first: UInt64, last: UInt64?)
  /// `bytes=-10`: the last bytes.
  case suffix(byteCount: UInt64)

  /// Reads a field; nil for another unit, several ranges or bad syntax, all of which a server
  /// answers with the whole.
  package init?(parsing field: String) {
    let text = field.trimmed
    guard let equals = text.firstIndex(of: "="), text[..<equals].lowercased() == "bytes" else {
      return nil
    }
    let span = text[text.index(after: equals)...].trimmed
    let ends = span.split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2 else { return nil }
    if ends[0].isEmpty {
      guard let count = UInt64(digits: ends[1]) else { return nil }
      self = .suffix(byteCount: count)
      return
    }
    guard let first = UInt64(digits: ends[0]) else { return nil }
    guard !ends[1].isEmpty else {
      self = .from(first: first, last: nil)
      return
    }
    guard let last = UInt64(digits: ends[1]), first <= last else { return nil }
    self = .from(first: first, last: last)
  }

  /// The bytes meant in an object of `total` bytes; nil when none of them exist (status 416).
  package func resolved(total: UInt64) -> ByteRange? {
    switch self {
    case .from(let first, let last):
      guard first < total else { return nil }
      let end = last.map { min($0, total - 1) + 1 } ?? total
      return ByteRange(offset: first, byteCount: end - first)
    case .suffix(let count):
      let taken = min(count, total)
      guard taken > 0 else { return nil }
      return ByteRange(offset: total - taken, byteCount: taken)
    }
  }
}
