internal import Linux

/// The cache on disk by itself: its reads and writes beside raw ones of the same file, its index, its
/// openings and culls, and which blocks it keeps.
struct StoreSuite {
  /// What can be measured by itself.
  enum Part: String, CaseIterable {
    case reads, ingest, index, opening, culling, misses
  }

  private let directory: String
  private let parts: [Part]

  /// The suite, or one `part` of it, with its files in `directory`.
  init(directory: String, part: Part?) {
    self.directory = directory
    parts = part.map { [$0] } ?? Part.allCases
  }

  func rows(runCount: Int) throws -> [Row] {
    var rows: [Row] = []
    for part in parts {
      note("\(part)")
      let place = "\(directory)/\(part)"
      try Paths.createDirectory(place, mode: 0o700)
      let measured: [(series: Series, goal: Double?)] =
        switch part {
        case .reads: try BlockReads.measure(directory: place, runCount: runCount)
        case .ingest: try Ingest(directory: place).measure(runCount: runCount)
        case .index: try IndexLookup(directory: place).measure(runCount: runCount)
        case .opening: try Opening(directory: place).measure(runCount: runCount)
        case .culling: try StoreCulling(directory: place).measure(runCount: runCount)
        case .misses:
          try MissRatios(directory: place, image: "\(directory)/demo/demo.erofs").measure()
        }
      rows += measured.map { Row(suite: "store", $0.series, goal: $0.goal) }
    }
    return rows
  }
}
