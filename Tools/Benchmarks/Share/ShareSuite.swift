internal import Linux

/// The page tier: what sharing saves, what a hit costs, and what the compressed part is worth.
struct ShareSuite {
  /// What can be measured by itself.
  enum Part: String, CaseIterable {
    case pairs, mounts, services, hits, overhead, chance
  }

  private let stage: Stage
  private let corpus: String
  private let parts: [Part]
  private let picture: String?

  /// The suite, or one `part` of it; `corpus` is where the images of the pairs and their analysis
  /// lie, and `picture` where to draw what the pairs take.
  init(stage: Stage, corpus: String, part: Part?, picture: String?) {
    self.picture = picture
    self.stage = stage
    self.corpus = corpus
    parts = part.map { [$0] } ?? Part.allCases
  }

  func rows(runCount: Int) throws -> [Row] {
    var measured: [(Series, Double?)] = []
    for part in parts {
      note("\(part)")
      switch part {
      case .pairs:
        measured += try PairSharing(stage: stage, corpus: corpus, picture: picture).measure()
      case .mounts:
        measured += try MountedPairs(stage: stage, corpus: corpus).measure(runCount: runCount)
      case .services:
        measured += try ServicePairs(stage: stage, corpus: corpus).measure(runCount: runCount)
      case .hits: measured += try TierHits().measure(runCount: runCount)
      case .overhead:
        measured += try SharingOverhead(stage: stage, corpus: corpus).measure(runCount: runCount)
      case .chance:
        measured += try SecondChance(stage: stage, corpus: corpus).measure(runCount: runCount)
      }
    }
    return measured.map { Row(suite: "share", $0.0, goal: $0.1) }
  }
}
