import Bytes
import Foundation
import TestSupport

/// The output of `cullet manifest`, to be compared with what the kernel shows.
struct ManifestFile {
  private let lines: [ManifestFields]

  init(_ text: String) throws {
    lines = try text.split(separator: "\n").map { line in
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
      guard let object = object as? [String: Any] else {
        throw StageError("not an object: \(line)")
      }
      return ManifestFields(object)
    }
  }

  /// The first few entries that differ from `snapshot`, or are out of order.
  func differences(from snapshot: TreeSnapshot) -> [String] {
    var seen: [[UInt8]] = []
    var differences: [String] = []
    for line in lines {
      let path = line.path
      if let last = seen.last, !last.lexicographicallyPrecedes(path) {
        differences.append("\(FileName(path).text): out of order")
      }
      seen.append(path)
      if let entry = snapshot.entries[path], entry == line.entry { continue }
      differences.append(
        "\(FileName(path).text):\n  \(line.entry)\n  \(snapshot.entries[path]?.description ?? "absent")"
      )
    }
    for path in snapshot.entries.keys where !Set(seen).contains(path) {
      differences.append("\(FileName(path).text): missing")
      if differences.count > 5 { break }
    }
    return Array(differences.prefix(5))
  }
}
