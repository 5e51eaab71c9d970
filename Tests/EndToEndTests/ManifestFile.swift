import Bytes
import Foundation
import TestSupport

/// The output of `cullet manifest`, to be compared with what the kernel shows.
struct ManifestFile {
  private let lines: [[String: Any]]

  init(_ text: String) throws {
    lines = try text.split(separator: "\n").map { line in
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
      guard let object = object as? [String: Any] else {
        throw StageError("not an object: \(line)")
      }
      return object
    }
  }

  /// The first few entries that differ from `snapshot`, or are out of order.
  func differences(from snapshot: TreeSnapshot) -> [String] {
    var seen: [[UInt8]] = []
    var differences: [String] = []
    for line in lines {
      let path = Self.bytes(line["pathHex"], orText: line["path"])
      if let last = seen.last, !last.lexicographicallyPrecedes(path) {
        differences.append("\(FileName(path).text): out of order")
      }
      seen.append(path)
      if let entry = snapshot.entries[path], entry == Self.entry(line) { continue }
      differences.append(
        "\(FileName(path).text):\n  \(Self.entry(line))\n  \(snapshot.entries[path]?.description ?? "absent")"
      )
    }
    for path in snapshot.entries.keys where !Set(seen).contains(path) {
      differences.append("\(FileName(path).text): missing")
      if differences.count > 5 { break }
    }
    return Array(differences.prefix(5))
  }

  /// The entry that the JSON object `line` describes.
  static func entry(_ line: [String: Any]) -> TreeSnapshot.Entry {
    let attributes = (line["xattrs"] as? [String: String] ?? [:]).map { name, value in
      (Array(name.utf8), fromHex(value))
    }
    return TreeSnapshot.Entry(
      mode: UInt32(line["mode"] as? Int ?? 0), userID: UInt32(line["uid"] as? Int ?? 0),
      groupID: UInt32(line["gid"] as? Int ?? 0), linkCount: UInt64(line["nlink"] as? Int ?? 0),
      byteCount: UInt64(line["size"] as? Int ?? 0),
      modificationTime: Int64(line["mtime"] as? Int ?? 0),
      target: line["target"].map { bytes(line["targetHex"], orText: $0) },
      device: (line["rdev"] as? [Int])?.map { UInt32($0) }, sha256: line["sha256"] as? String,
      attributes: Dictionary(uniqueKeysWithValues: attributes))
  }

  private static func bytes(_ hex: Any?, orText text: Any?) -> [UInt8] {
    if let hex = hex as? String { return fromHex(hex) }
    return Array((text as? String ?? "").utf8)
  }

  private static func fromHex(_ text: String) -> [UInt8] {
    let digits = Array(text)
    return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
      UInt8(String(digits[$0...($0 + 1)]), radix: 16)
    }
  }
}
