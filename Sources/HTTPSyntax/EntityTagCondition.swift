/// The If-Match or If-None-Match field of a request (RFC 9110, 13.1).
package enum EntityTagCondition: Hashable, Sendable {
  /// `*`: any current representation.
  case any
  /// The tags as written, quotes and `W/` included.
  case tags([String])

  /// Reads a field's value, several fields joined by commas; what is no tag is skipped.
  package init(parsing field: String) {
    let text = field.trimmed
    guard text != "*" else {
      self = .any
      return
    }
    // Commas may stand inside quotes, so the tags are found by their quotes.
    var tags: [String] = []
    var rest = text[...]
    while let open = rest.firstIndex(of: "\"") {
      let afterOpen = rest.index(after: open)
      guard let close = rest[afterOpen...].firstIndex(of: "\"") else { break }
      let isWeak = rest[..<open].hasSuffix("W/")
      tags.append((isWeak ? "W/" : "") + rest[open...close])
      rest = rest[rest.index(after: close)...]
    }
    self = .tags(tags)
  }

  /// Whether a tag is the same and both are strong: for If-Match and If-Range.
  package func matchesStrongly(_ tag: String) -> Bool {
    guard case .tags(let tags) = self else { return true }
    return !tag.hasPrefix("W/") && tags.contains(tag)
  }

  /// Whether a tag is the same but for weakness: for If-None-Match.
  package func matchesWeakly(_ tag: String) -> Bool {
    guard case .tags(let tags) = self else { return true }
    return tags.contains { Self.opaque($0) == Self.opaque(tag) }
  }

  private static func opaque(_ tag: String) -> Substring {
    tag.hasPrefix("W/") ? tag.dropFirst(2) : tag[...]
  }
}
