/// A rule that says how the files whose paths match a pattern are compressed.
package struct CompressionHint: Sendable {
  /// `*` stands for any bytes but a slash, `**` for any bytes, `?` for one byte but a slash.
  ///
  /// A pattern without a slash is matched against the last component of a path.
  package var pattern: [UInt8]
  package var settings: CompressionSettings

  package init(pattern: [UInt8], settings: CompressionSettings) {
    self.pattern = pattern
    self.settings = settings
  }

  /// Whether the rule is about the file at `path`, which has no leading slash.
  func matches(_ path: [UInt8]) -> Bool {
    let slash = UInt8(ascii: "/")
    if !pattern.contains(slash) {
      let name = path.lastIndex(of: slash).map { path[($0 + 1)...] } ?? path[...]
      return Self.matches(pattern[...], name)
    }
    return Self.matches(pattern.first == slash ? pattern.dropFirst() : pattern[...], path[...])
  }

  /// Tries every length of the first star; patterns are short and come from whoever builds.
  private static func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
    guard let first = pattern.first else { return text.isEmpty }
    if first == UInt8(ascii: "*") {
      let crossesSlashes = pattern.dropFirst().first == UInt8(ascii: "*")
      let rest = pattern.dropFirst(crossesSlashes ? 2 : 1)
      var tail = text
      while true {
        if matches(rest, tail) { return true }
        guard let byte = tail.first, crossesSlashes || byte != UInt8(ascii: "/") else {
          return false
        }
        tail = tail.dropFirst()
      }
    }
    guard let byte = text.first else { return false }
    let fits =
      first == UInt8(ascii: "?") ? byte != UInt8(ascii: "/") : byte == first
    return fits && matches(pattern.dropFirst(), text.dropFirst())
  }
}
