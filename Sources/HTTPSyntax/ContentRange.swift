package import Bytes

/// The Content-Range field of a response (RFC 9110, 14.4), in bytes.
package enum ContentRange: Hashable, Sendable {
  /// `bytes 0-99/1000`: the body is this part of the whole, whose length may be untold.
  case part(ByteRange, total: UInt64?)
  /// `bytes */1000`: the range asked for lies outside the whole.
  case unsatisfied(total: UInt64)

  /// Reads a field; nil when it is not well-formed or contradicts itself.
  package init?(parsing field: String) {
    let text = field.trimmed
    guard let space = text.firstIndex(of: " "), text[..<space].lowercased() == "bytes",
      let slash = text.lastIndex(of: "/"), space < slash
    else { return nil }
    let span = text[text.index(after: space)..<slash].trimmed
    let length = text[text.index(after: slash)...].trimmed
    if span == "*" {
      guard let total = UInt64(digits: length) else { return nil }
      self = .unsatisfied(total: total)
      return
    }
    let ends = span.split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, let first = UInt64(digits: ends[0]), let last = UInt64(digits: ends[1]),
      first <= last, last < UInt64(Int64.max),
      let range = ByteRange(offset: first, byteCount: last - first + 1)
    else { return nil }
    guard length != "*" else {
      self = .part(range, total: nil)
      return
    }
    guard let total = UInt64(digits: length), range.end <= total else { return nil }
    self = .part(range, total: total)
  }
}
