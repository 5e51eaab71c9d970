internal import Bytes
package import EROFS
package import EROFSReader
package import PageTier

/// An image whose file contents are kept in a page tier, where other images of its domain share
/// them.
///
/// Thread-safe. Forgets which files it saw beyond ``fileCountMax``, and their pages with them.
package final class PagedImage: Sendable {
  /// Files whose pages are kept: some hundred bytes each.
  private static let fileCountMax = 1 << 17

  let image: Image
  private let domain: SharingDomain
  private let volume: TierVolume
  /// Whether the domain's images share the kernel's copy of their pages.
  private let isCachedAbove: Bool
  private let files = BoundedCache<UInt64, FilePages>(costLimit: fileCountMax, shardCount: 16)

  /// `image`, with the pages of its files in `domain`; nil when the domain has thousands of images.
  ///
  /// `isCachedAbove` tells that the domain's images share the kernel's copy of their pages.
  package init?(_ image: Image, in domain: SharingDomain, isCachedAbove: Bool = false) {
    guard let volume = domain.makeVolume() else { return nil }
    self.image = image
    self.domain = domain
    self.volume = volume
    self.isCachedAbove = isCachedAbove
  }

  /// Fills `target` with the content of `inode` from `offset` on; returns how many bytes there were,
  /// fewer than `target` holds only at the end of the file.
  ///
  /// What the tier has is neither read nor decoded.
  package func read(
    _ inode: Inode, at offset: UInt64, into target: inout MutableRawSpan
  ) throws(ReadError) -> Int {
    guard inode.fileType == .regular, offset < inode.byteCount else {
      return try image.read(inode, at: offset, into: &target)
    }
    let count = Int(min(UInt64(target.byteCount), inode.byteCount - offset))
    let file = try pages(of: inode)
    var wanted = target[bytes: 0..<count]
    try file.read(at: offset, into: &wanted) { (part, offset) throws(ReadError) in
      try load(inode, at: offset, into: &part)
    }
    return count
  }

  /// Fills `target` with what the image itself has of `inode` from `offset` on, all within the file.
  func load(
    _ inode: Inode, at offset: UInt64, into target: inout MutableRawSpan
  ) throws(ReadError) {
    let count = try image.read(inode, at: offset, into: &target)
    precondition(count == target.byteCount, "a read within a file came out short")
  }

  /// What the image claims `inode` to be; nil when it says nothing.
  func claim(of inode: Inode) throws(ReadError) -> FileIdentity? {
    let fingerprint = try image.fingerprint(of: inode)
    return fingerprint.map { FileIdentity(fingerprint: $0, byteCount: inode.byteCount) }
  }

  /// The pages of `inode`, a regular file that is not empty.
  func pages(of inode: Inode) throws(ReadError) -> FilePages {
    // The inode may have been read anew since, from an origin that says something else by now.
    if let known = files.value(for: inode.nid), known.byteCount == inode.byteCount {
      return known
    }
    // Two readers may make one each; the pages of one go when its reader is done. No lock is held,
    // for other images may be asked for theirs.
    let made = domain.makeFile(
      byteCount: inode.byteCount, claim: try image.fingerprint(of: inode), volume: volume,
      supplier: StoredFile(image: image, inode: inode), isCachedAbove: isCachedAbove)
    files.insert(made, for: inode.nid, cost: 1)
    return made
  }
}
