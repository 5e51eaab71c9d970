internal import FUSEServer
internal import Linux

/// All mounts of images on this host, with what their owner tells of them.
package enum MountListing {
  /// The mounts that `cache`'s owner serves, then others that the kernel knows.
  ///
  /// When `countsPages`, with what the kernel keeps of the contents of the former. Where a mount has a
  /// page cache of its own, all of its files are opened for that.
  package static func all(
    cache: CacheDirectory, countsPages: Bool = false
  ) throws(Failure) -> [MountReport] {
    // An owner that does not answer must not hide what the kernel knows.
    let client = try? ControlClient(directory: cache)
    var reports = try client?.mounts(countsPages: countsPages) ?? []
    if countsPages {
      for (index, report) in reports.enumerated()
      where report.state == "live"
        && (report.pageCacheBytes == nil || report.pageCache != .shared)
      {
        guard let byteCount = try? CachedPages.byteCount(below: report.directory) else { continue }
        reports[index].pageCacheBytes = (report.pageCacheBytes ?? 0) + byteCount
      }
    }
    let served = Set(reports.map(\.directory))
    do throws(FUSEError) {
      for entry in try Mount.list() where !served.contains(entry.directory) {
        reports.append(
          MountReport(
            source: entry.source, directory: entry.directory,
            driver: entry.driver?.rawValue ?? entry.type, pid: nil, since: nil,
            state: entry.state.rawValue, memoryBytes: nil, memoryLimitBytes: nil, domain: nil,
            domainMemoryBytes: nil, domainMemoryLimitBytes: nil, pageCache: nil,
            pageCacheBytes: nil))
      }
    } catch {
      throw Failure(error)
    }
    return reports
  }
}
