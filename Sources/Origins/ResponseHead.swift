internal import HTTPSyntax

/// The parts of a response's head that decide what it means; free of any HTTP library.
package struct ResponseHead: Hashable, Sendable {
  package var status: Int
  package var contentRange: String?
  package var contentLength: String?
  package var contentEncoding: String?
  package var entityTag: String?
  package var lastModified: String?
  package var retryAfter: String?
  package var location: String?

  package init(status: Int) {
    self.status = status
  }

  /// Whether the answer says to look elsewhere.
  package var isRedirect: Bool {
    switch status {
    case 301, 302, 303, 307, 308: true
    default: false
    }
  }

  /// How long the origin asks to be left alone, in nanoseconds; `now` in seconds since the epoch.
  package func retryAfterNanoseconds(now: Int64) -> UInt64? {
    guard let retryAfter else { return nil }
    let seconds: UInt64
    if let number = UInt64(digits: retryAfter.trimmed) {
      seconds = number
    } else if let date = HTTPDate(parsing: retryAfter) {
      seconds = UInt64(max(0, date.secondsSinceEpoch - now))
    } else {
      return nil
    }
    // An hour or a year: both are longer than anyone here waits.
    return min(seconds, 86_400) * 1_000_000_000
  }
}
