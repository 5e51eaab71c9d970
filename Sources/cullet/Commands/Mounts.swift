internal import ArgumentParser
internal import Node

/// `cullet mounts`: what is mounted.
struct Mounts: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the mounts, also those whose owner has died.",
    discussion: """
      EXAMPLE
        cullet mounts
        cullet mounts --pages
      """)

  @OptionGroup var cache: CacheOptions
  @Flag(help: "Print one JSON document a mount.") var json = false

  @Flag(
    help: """
      Count what the kernel keeps of the files in memory; opens every file of mounts that do not \
      share a page cache.
      """)
  var pages = false

  func run() throws {
    for report in try MountListing.all(cache: cache.directory, countsPages: pages) {
      if json {
        try Terminal.printJSON(report)
      } else {
        let owner =
          report.pid.map { "process \($0)" }
          ?? (report.state == "dead" ? "nobody" : "not of this cache")
        Terminal.print(
          "\(report.source) on \(report.directory) (\(report.driver), \(report.state), \(owner)"
            + "\(memoryText(report))\(pageCacheText(report)))")
      }
    }
  }

  private func pageCacheText(_ report: MountReport) -> String {
    let use = report.pageCache.map { ", \($0) page cache" } ?? ""
    guard let byteCount = report.pageCacheBytes else { return use }
    return "\(use.isEmpty ? ", page cache" : use) of \(sizeText(UInt64(clamping: byteCount)))"
  }

  private func memoryText(_ report: MountReport) -> String {
    guard let byteCount = report.memoryBytes else { return "" }
    let domain = report.domain ?? ""
    let limit = report.memoryLimitBytes.map { " of \(sizeText(UInt64(clamping: $0)))" } ?? ""
    return ", \(sizeText(UInt64(clamping: byteCount)))\(limit) in memory"
      + (domain.isEmpty ? "" : ", domain \(domain)")
  }
}
