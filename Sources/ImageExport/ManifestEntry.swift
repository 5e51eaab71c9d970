internal import Bytes
package import EROFS
package import EROFSReader

/// One entry of an image, as manifests and listings show it.
///
/// Names are text where they are UTF-8; for others the text is approximate and the hex is exact.
package struct ManifestEntry: Encodable, Sendable {
  package var path: String
  package var pathHex: String?
  package var type: String
  /// All of `st_mode`.
  package var mode: UInt16
  package var uid: UInt32
  package var gid: UInt32
  package var nlink: UInt32
  /// Absent for directories, whose size means nothing to a reader.
  package var size: UInt64?
  /// Nanoseconds since 1970.
  package var mtime: Int64
  package var target: String?
  package var targetHex: String?
  package var rdev: [UInt32]?
  /// Full name → value in hexadecimal.
  package var xattrs: [String: String]?
  package var sha256: String?

  /// Describes `inode` at `path`; reads its link target, and what else is asked for.
  package init(
    _ inode: Inode, at path: [UInt8], in image: Image, withAttributes: Bool, withDigest: Bool
  ) throws(ReadError) {
    let name = FileName(path)
    self.path = name.text
    pathHex = name.exactText == nil ? path.hex : nil
    type = inode.fileType.name
    mode = inode.mode
    uid = inode.userID
    gid = inode.groupID
    nlink = inode.linkCount
    size = inode.fileType == .directory ? nil : inode.byteCount
    mtime = inode.modificationTime.nanosecondsSinceEpoch
    if inode.fileType == .symbolicLink {
      let bytes = FileName(try image.symbolicLinkTarget(inode))
      target = bytes.text
      targetHex = bytes.exactText == nil ? bytes.bytes.hex : nil
    }
    if inode.fileType.isDevice {
      rdev = [inode.deviceNumber.major, inode.deviceNumber.minor]
    }
    if withAttributes {
      let attributes = try image.extendedAttributes(inode)
      if !attributes.isEmpty {
        xattrs = Dictionary(
          attributes.map { (FileName($0.name).text, $0.value.hex) },
          uniquingKeysWith: { first, _ in first })
      }
    }
    if withDigest, inode.fileType == .regular {
      sha256 = try image.contentDigest(of: inode).hex
    }
  }
}

extension Timestamp {
  /// The time as one number; the farthest one that fits for times out of its range.
  package var nanosecondsSinceEpoch: Int64 {
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    if overflow { return seconds < 0 ? .min : .max }
    let (sum, overflowed) = product.addingReportingOverflow(Int64(nanoseconds))
    return overflowed ? .max : sum
  }
}
