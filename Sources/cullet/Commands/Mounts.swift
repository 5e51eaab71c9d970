internal import ArgumentParser
internal import Node

/// `cullet mounts`: what is mounted.
struct Mounts: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the mounts, also those whose owner has died.",
    discussion: """
      EXAMPLE
        cullet mounts
      """)

  @OptionGroup var cache: CacheOptions
  @Flag(help: "Print one JSON document a mount.") var json = false

  func run() throws {
    for report in try MountListing.all(cache: cache.directory) {
      if json {
        try Terminal.printJSON(report)
      } else {
        let owner =
          report.pid.map { "process \($0)" }
          ?? (report.state == "dead" ? "nobody" : "not of this cache")
        Terminal.print(
          "\(report.source) on \(report.directory) (\(report.driver), \(report.state), \(owner))")
      }
    }
  }
}
