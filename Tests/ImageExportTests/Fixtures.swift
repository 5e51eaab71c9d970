import Bytes
import EROFSReader
import Foundation
import TestSupport

/// The reference images, and what the kernel shows of each.
enum Fixtures {
  static func bytes(_ file: String) throws -> [UInt8] {
    let path = try SharedData.fixtures.get().file("erofs-1.9/\(file)")
    return [UInt8](try Data(contentsOf: URL(filePath: path)))
  }

  /// The image called `name`, with its blob when it has one.
  static func image(_ name: String) throws -> Image {
    let devices: [any BlockSource] =
      name == "blobdev" ? [MemorySource(try bytes("blobdev.blob"))] : []
    return try Image(source: MemorySource(try bytes("\(name).erofs")), devices: devices)
  }

  /// Path to fields, as in the manifest; the root is ".".
  static func manifest(of name: String) throws -> [String: [String: Any]] {
    let index = try JSONSerialization.jsonObject(with: Data(try bytes("index.json")))
    let file = ((index as? [String: Any])?[name] as? [String: Any])?["manifest"] as? String ?? ""
    let manifest = try JSONSerialization.jsonObject(with: Data(try bytes(file)))
    return manifest as? [String: [String: Any]] ?? [:]
  }

  /// The manifest in the form that a tree on disk is seen in.
  static func entries(of name: String) throws -> [[UInt8]: TreeSnapshot.Entry] {
    let pairs = try manifest(of: name).map { path, fields in
      (Array(path.utf8), entry(fields))
    }
    return Dictionary(uniqueKeysWithValues: pairs)
  }

  private static func entry(_ fields: [String: Any]) -> TreeSnapshot.Entry {
    let attributes = (fields["xattrs"] as? [String: String] ?? [:]).map { name, value in
      (Array(name.utf8), fromHex(value))
    }
    return TreeSnapshot.Entry(
      mode: UInt32(fields["mode"] as? Int ?? 0), userID: UInt32(fields["uid"] as? Int ?? 0),
      groupID: UInt32(fields["gid"] as? Int ?? 0), linkCount: UInt64(fields["nlink"] as? Int ?? 0),
      byteCount: UInt64(fields["size"] as? Int ?? 0),
      modificationTime: Int64(fields["mtime"] as? Int ?? 0),
      target: (fields["target"] as? String).map { Array($0.utf8) },
      device: (fields["rdev"] as? [Int])?.map { UInt32($0) }, sha256: fields["sha256"] as? String,
      attributes: Dictionary(uniqueKeysWithValues: attributes))
  }

  private static func fromHex(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { index in
      UInt8(digits[index] << 4 | digits[index + 1])
    }
  }
}
