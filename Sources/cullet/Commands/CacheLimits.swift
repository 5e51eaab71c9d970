internal import ArgumentParser
internal import Node

/// `cullet cache limits`: when culling starts and stops.
struct CacheLimits: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "limits", abstract: "Show or set the water marks of culling.",
    discussion: """
      Percentages of free blocks (b) and free index space (f): below cull, culling starts and \
      goes on until run; below stop, nothing new is cached. 0 ≤ stop < cull < run < 100.

      EXAMPLE
        cullet cache limits --brun 20 --bcull 10 --bstop 3
      """)

  @OptionGroup var cache: CacheOptions
  @Option(help: "Culling stops at this percentage of free blocks.") var brun: Int?
  @Option(help: "Culling starts below it.") var bcull: Int?
  @Option(help: "Filling stops below it.") var bstop: Int?
  @Option(help: "Culling stops at this percentage of free index space.") var frun: Int?
  @Option(help: "Culling starts below it.") var fcull: Int?
  @Option(help: "Filling stops below it.") var fstop: Int?
  @Flag(help: "Print one JSON document.") var json = false

  func run() throws {
    let limits = try cache.withService { service throws(Failure) in
      var limits = try service.status().limits
      let wanted = [brun, bcull, bstop, frun, fcull, fstop]
      guard wanted.contains(where: { $0 != nil }) else { return limits }
      limits.brun = brun ?? limits.brun
      limits.bcull = bcull ?? limits.bcull
      limits.bstop = bstop ?? limits.bstop
      limits.frun = frun ?? limits.frun
      limits.fcull = fcull ?? limits.fcull
      limits.fstop = fstop ?? limits.fstop
      try service.setLimits(limits)
      return limits
    }
    if json { return try Terminal.printJSON(limits) }
    Terminal.print(
      "brun \(limits.brun) bcull \(limits.bcull) bstop \(limits.bstop) "
        + "frun \(limits.frun) fcull \(limits.fcull) fstop \(limits.fstop)")
  }
}
