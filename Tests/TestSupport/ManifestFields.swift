import Foundation

/// One entry of a manifest in JSON, as the commands print it and the reference images have it.
package struct ManifestFields {
  private let fields: [String: Any]

  package init(_ fields: [String: Any]) {
    self.fields = fields
  }

  package var path: [UInt8] { bytes("path") ?? [] }

  /// The entry in the form that a tree on disk is seen in.
  package var entry: TreeSnapshot.Entry {
    let attributes = (fields["xattrs"] as? [String: String] ?? [:]).map { name, value in
      (Array(name.utf8), Self.bytes(ofHex: value))
    }
    return TreeSnapshot.Entry(
      mode: UInt32(number("mode")), userID: UInt32(number("uid")),
      groupID: UInt32(number("gid")), linkCount: UInt64(number("nlink")),
      byteCount: UInt64(number("size")), modificationTime: Int64(number("mtime")),
      target: bytes("target"), device: (fields["rdev"] as? [Int])?.map { UInt32($0) },
      sha256: fields["sha256"] as? String,
      attributes: Dictionary(uniqueKeysWithValues: attributes))
  }

  private func number(_ name: String) -> Int { fields[name] as? Int ?? 0 }

  /// What was a name of bytes: exact in hexadecimal where it is no text.
  private func bytes(_ name: String) -> [UInt8]? {
    if let hex = fields["\(name)Hex"] as? String { return Self.bytes(ofHex: hex) }
    return (fields[name] as? String).map { Array($0.utf8) }
  }

  private static func bytes(ofHex text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { index in
      UInt8(digits[index] << 4 | digits[index + 1])
    }
  }
}
