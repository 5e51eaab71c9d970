internal import Bytes

/// What identifies one version of an object at its origin; compared at every bind.
///
/// Two versions are equal when their ``coherency`` is: the length, and the best validator there
/// is. A strong entity tag decides alone, for a server may renew the date of identical bytes.
package struct ObjectVersion: Sendable {
  package let byteCount: UInt64
  /// The ETag field as received, quotes and `W/` included.
  package let entityTag: String?
  /// The Last-Modified field as received.
  package let lastModified: String?

  /// The longest validator that ``init(coherency:)`` takes back, in bytes.
  package static let validatorByteCountMax = 1024

  package init(byteCount: UInt64, entityTag: String? = nil, lastModified: String? = nil) {
    self.byteCount = byteCount
    self.entityTag = entityTag
    self.lastModified = lastModified
  }

  /// The entity tag when it promises identical bytes, so that `If-Match` may carry it.
  package var strongEntityTag: String? {
    guard let entityTag else { return nil }
    let bytes = Array(entityTag.utf8)
    guard bytes.count >= 2, bytes.first == UInt8(ascii: "\""), bytes.last == UInt8(ascii: "\"")
    else { return nil }
    let isPlain = bytes.dropFirst().dropLast().allSatisfy { byte in
      byte > 0x20 && byte != 0x7F && byte != UInt8(ascii: "\"")
    }
    return isPlain ? entityTag : nil
  }

  /// Whether only the length can tell two versions apart.
  package var hasValidator: Bool { entityTag != nil || lastModified != nil }
}

extension ObjectVersion: Hashable {
  package static func == (left: ObjectVersion, right: ObjectVersion) -> Bool {
    left.coherency == right.coherency
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(coherency)
  }
}

/// The stored form, kept with the object so that it can be bound while its origin is away:
///
/// | Offset | Size | Field                                                  |
/// |-------:|-----:|--------------------------------------------------------|
/// |      0 |    1 | format, 1                                              |
/// |      1 |    8 | byte count                                             |
/// |      9 |    2 | byte count of the entity tag, 0xFFFF when there is none |
/// |     11 |    2 | byte count of the date, 0xFFFF when it does not count  |
/// |     13 |      | the entity tag, then the date, UTF-8                    |
extension ObjectVersion {
  private static let format: UInt8 = 1
  private static let headerByteCount = 13
  private static let absent: UInt16 = 0xFFFF

  /// A stable encoding of what tells this version from others; byte for byte equal if they are.
  package var coherency: [UInt8] {
    let tag = entityTag.map { Array($0.utf8.prefix(Self.validatorByteCountMax)) }
    let date =
      strongEntityTag == nil
      ? lastModified.map { Array($0.utf8.prefix(Self.validatorByteCountMax)) } : nil
    var writer = ByteWriter(
      reservingCapacity: Self.headerByteCount + (tag?.count ?? 0) + (date?.count ?? 0))
    writer.append(Self.format)
    writer.append(byteCount)
    writer.append(tag.map { UInt16($0.count) } ?? Self.absent)
    writer.append(date.map { UInt16($0.count) } ?? Self.absent)
    writer.append(tag ?? [])
    writer.append(date ?? [])
    return writer.bytes
  }

  /// The version that ``coherency`` described, or nil for bytes of any other making.
  package init?(coherency bytes: [UInt8]) {
    guard bytes.count >= Self.headerByteCount, bytes[0] == Self.format else { return nil }
    let header = bytes.rawSpan
    let byteCount = header.load(fromByteOffset: 1, as: UInt64.self)
    var rest = bytes[Self.headerByteCount...]
    var texts: [String?] = []
    for offset in [9, 11] {
      let count = header.load(fromByteOffset: offset, as: UInt16.self)
      guard count != Self.absent else {
        texts.append(nil)
        continue
      }
      guard count <= Self.validatorByteCountMax, rest.count >= Int(count),
        let text = String(validating: rest.prefix(Int(count)), as: UTF8.self)
      else { return nil }
      texts.append(text)
      rest = rest.dropFirst(Int(count))
    }
    guard rest.isEmpty else { return nil }
    self.init(byteCount: byteCount, entityTag: texts[0], lastModified: texts[1])
  }
}
