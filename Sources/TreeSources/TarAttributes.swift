internal import Bytes
internal import EROFS

/// What extended headers (pax) say about the next entry, or about all that follow.
///
/// A record is a decimal length of all of it, a space, a keyword, an equals sign, a value, and a
/// newline.
struct TarAttributes {
  private(set) var values: [String: [UInt8]] = [:]
  /// Extended attributes, by full name.
  private(set) var extended: [[UInt8]: [UInt8]] = [:]
  /// GNU sparse files, form 0.0: repeated numbers, an offset and a length in turn.
  private(set) var sparseNumbers: [UInt64] = []
  /// What the records took in the archive.
  private(set) var byteCount = 0

  /// Adds the records in `bytes`; false when they are malformed.
  mutating func add(_ bytes: [UInt8]) -> Bool {
    byteCount += bytes.count
    var rest = bytes[...]
    while let first = rest.first, first != 0 {
      let digits = rest.prefix { $0 != 0x20 }
      guard let byteCount = Int(String(decoding: digits, as: UTF8.self)),
        byteCount > digits.count + 1, byteCount <= rest.count
      else { return false }
      let record = rest.prefix(byteCount).dropFirst(digits.count + 1).dropLast()
      guard let equals = record.firstIndex(of: UInt8(ascii: "=")) else { return false }
      add(Array(record[..<equals]), Array(record[(equals + 1)...]))
      rest = rest.dropFirst(byteCount)
    }
    return true
  }

  private mutating func add(_ keyword: [UInt8], _ value: [UInt8]) {
    let namespace = Array("SCHILY.xattr.".utf8)
    let text = String(decoding: keyword, as: UTF8.self)
    if keyword.starts(with: namespace) {
      extended[Array(keyword.dropFirst(namespace.count))] = value
    } else if text == "RHT.security.selinux" {
      extended[Array("security.selinux".utf8)] = value
    } else if text == "GNU.sparse.offset" || text == "GNU.sparse.numbytes" {
      sparseNumbers.append(Self.number(value) ?? 0)
    } else {
      values[text] = value
    }
  }

  /// This, with what `later` says taking precedence.
  func merged(with later: TarAttributes) -> TarAttributes {
    var merged = self
    merged.values.merge(later.values) { $1 }
    merged.extended.merge(later.extended) { $1 }
    merged.sparseNumbers = later.sparseNumbers
    return merged
  }

  func number(_ keyword: String) -> UInt64? { values[keyword].flatMap(Self.number) }

  /// A time, in seconds with a fraction.
  func time(_ keyword: String) -> Timestamp? {
    guard let value = values[keyword] else { return nil }
    let text = String(decoding: value, as: UTF8.self)
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = Int64(parts.first ?? "") else { return nil }
    var fraction = parts.count > 1 ? String(parts[1].prefix(9)) : ""
    fraction += String(repeating: "0", count: 9 - fraction.count)
    guard let nanoseconds = UInt32(fraction) else { return nil }
    // "-1.25" is a quarter of a second before -1, and nanoseconds count forwards.
    if text.first == "-", nanoseconds > 0, whole > Int64.min {
      return Timestamp(seconds: whole - 1, nanoseconds: 1_000_000_000 - nanoseconds)
    }
    return Timestamp(seconds: whole, nanoseconds: nanoseconds)
  }

  static func number(_ value: [UInt8]) -> UInt64? {
    UInt64(String(decoding: value, as: UTF8.self))
  }
}
