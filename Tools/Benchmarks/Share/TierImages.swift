internal import Bytes
internal import EROFS
internal import EROFSReader
internal import ImageMount
internal import Linux
internal import Node
internal import PageTier

/// Images read through a page tier, without a kernel in between.
final class TierImages {
  let tier: PageTier
  let work: WorkQueue
  private var domains: [SharingDomain] = []
  private(set) var images: [(paged: PagedImage, files: [Inode])] = []

  init(_ options: TierOptions) throws {
    guard let tier = PageTier(options) else { throw StageError("not enough addresses for a tier") }
    self.tier = tier
    work = try WorkQueue(name: "bench-indexer")
  }

  /// Adds the image at `path`, whose bytes come through `wrap`.
  func add(
    _ path: String, limits: CacheLimits = CacheLimits(),
    _ wrap: (any BlockSource) -> any BlockSource = { $0 }
  ) throws {
    if domains.isEmpty, let made = SharingDomain(tier: tier, work: work) { domains = [made] }
    let image = try Image(source: wrap(try FileSource(path: path)), limits: limits)
    guard let domain = domains.first, let paged = PagedImage(image, in: domain) else {
      throw StageError("no more domains")
    }
    var files: [Inode] = []
    var seen: Set<UInt64> = []
    var walk = TreeWalk(image)
    while let entry = try walk.next() {
      let isNew = entry.inode.fileType == .regular && entry.inode.byteCount > 0
      if isNew, seen.insert(entry.inode.nid).inserted { files.append(entry.inode) }
    }
    images.append((paged, files))
  }

  /// Reads every file of image `index` to its end.
  func readAll(_ index: Int) throws {
    let (paged, files) = images[index]
    var buffer = [UInt8](repeating: 0, count: 128 << 10)
    for inode in files {
      var offset: UInt64 = 0
      while offset < inode.byteCount {
        var span = buffer.mutableRawSpan
        offset += UInt64(try paged.read(inode, at: offset, into: &span))
      }
    }
    work.drain()
  }
}
