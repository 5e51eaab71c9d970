import Bytes
import EROFS
import EROFSReader
import Foundation
import TestSupport

/// One file of a fixture, as the kernel shows it.
struct ManifestEntry {
  var mode: UInt16
  var userID: UInt32
  var groupID: UInt32
  var linkCount: UInt32
  /// Nanoseconds since 1970.
  var modificationTime: Int64
  var byteCount: UInt64?
  var digest: String?
  var target: String?
  var device: DeviceNumber?
  var attributes: [String: String] = [:]

  init?(_ fields: [String: Any]) {
    guard let mode = fields["mode"] as? Int, let user = fields["uid"] as? Int,
      let group = fields["gid"] as? Int, let links = fields["nlink"] as? Int,
      let time = fields["mtime"] as? Int
    else { return nil }
    self.mode = UInt16(mode)
    userID = UInt32(user)
    groupID = UInt32(group)
    linkCount = UInt32(links)
    modificationTime = Int64(time)
    byteCount = (fields["size"] as? Int).map { UInt64($0) }
    digest = fields["sha256"] as? String
    target = fields["target"] as? String
    if let parts = fields["rdev"] as? [Int], parts.count == 2 {
      device = DeviceNumber(major: UInt32(parts[0]), minor: UInt32(parts[1]))
    }
    attributes = fields["xattrs"] as? [String: String] ?? [:]
  }
}

/// The reference images.
enum Fixtures {
  /// The image called `name`, with its blob when it has one.
  static func image(_ name: String) throws -> Image {
    let devices: [any BlockSource] = try SharedData.deviceFiles(of: name).map { file in
      MemorySource(try SharedData.bytes(of: file))
    }
    return try Image(
      source: MemorySource(try SharedData.bytes(of: "\(name).erofs")), devices: devices)
  }

  /// Path to entry; the root is ".".
  static func manifest(of name: String) throws -> [String: ManifestEntry] {
    try SharedData.manifest(of: name).compactMapValues { ManifestEntry($0) }
  }
}

extension Image {
  /// All content of `inode`, read in pieces of `pieceByteCount`.
  func content(of inode: Inode, pieceByteCount: Int = 1 << 20) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0xAA, count: Int(inode.byteCount))
    var done = 0
    while done < bytes.count {
      let count = min(pieceByteCount, bytes.count - done)
      var span = bytes.mutableRawSpan
      var part = span[bytes: done..<done + count]
      let read = try self.read(inode, at: UInt64(done), into: &part)
      guard read == count else { break }
      done += read
    }
    return bytes
  }
}
