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
  package let domain: SharingDomain
  /// The most bytes of pages that the image is charged for; nil for any number.
  package let byteCountMax: Int?
  private let volume: TierVolume
  /// Through what the domain's images share the kernel's copy of their pages; nil when they do not.
  package let content: SharedContent?
  private let memory: (any FingerprintMemory)?
  private let files = BoundedCache<UInt64, FilePages>(costLimit: fileCountMax, shardCount: 16)

  /// `image`, with the pages of its files in `domain`; nil when the domain has thousands of images.
  ///
  /// It is charged for `byteCountMax` bytes at most. `memory` remembers what its files hold, by their
  /// nids. Mounted, the files that have fingerprints are read through `content`, if the kernel can.
  package init?(
    _ image: Image, in domain: SharingDomain, byteCountMax: Int? = nil,
    memory: (any FingerprintMemory)? = nil, content: SharedContent? = nil
  ) {
    guard let volume = domain.makeVolume(byteCountMax: byteCountMax) else { return nil }
    self.image = image
    self.domain = domain
    self.byteCountMax = byteCountMax
    self.volume = volume
    self.content = content
    self.memory = memory
  }

  /// Bytes of pages that the image is charged for: those that it brought in.
  package var chargedByteCount: Int { domain.tier.chargedByteCount(of: volume) }

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

  /// Fills all of `target` with the content of `inode` from `offset` on, all within the file.
  func fill(
    _ inode: Inode, at offset: UInt64, into target: inout MutableRawSpan
  ) throws(ReadError) {
    guard try read(inode, at: offset, into: &target) == target.byteCount else { throw .changed }
  }

  /// Fills `target` with what the image itself has of `inode` from `offset` on, all within the file.
  func load(
    _ inode: Inode, at offset: UInt64, into target: inout MutableRawSpan
  ) throws(ReadError) {
    try image.fill(inode, at: offset, into: &target)
  }

  /// As above, for the file whose nid is `nid`.
  func load(
    _ nid: UInt64, at offset: UInt64, into target: inout MutableRawSpan
  ) throws(ReadError) {
    try load(try image.inode(nid), at: offset, into: &target)
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
      supplier: StoredFile(image: image, inode: inode),
      remembered: memory.map { RememberedFile(inode.nid, in: $0) }, isCachedAbove: content != nil)
    files.insert(made, for: inode.nid, cost: 1)
    return made
  }
}

extension Image {
  /// Fills all of `target` with the content of `inode` from `offset` on, all within the file.
  func fill(
    _ inode: Inode, at offset: UInt64, into target: inout MutableRawSpan
  ) throws(ReadError) {
    guard try read(inode, at: offset, into: &target) == target.byteCount else { throw .changed }
  }
}

extension ReadError {
  /// The inode was read anew, from an image that somebody writes to.
  fileprivate static var changed: ReadError {
    .source(SourceError(.stale, "the image changed while it was mounted"))
  }
}
