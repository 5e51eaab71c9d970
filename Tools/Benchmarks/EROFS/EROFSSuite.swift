internal import Linux

/// The reader by itself, on an image in memory: decoding beside the bare codec, and walking.
struct EROFSSuite {
  /// What can be measured by itself.
  enum Part: String, CaseIterable {
    case walk, decoding, squashfuse
  }

  private let directory: String
  private let parts: [Part]

  /// The suite, or one `part` of it, on the images that `Tools/bench` made in `directory`.
  init(directory: String, part: Part?) {
    self.directory = directory
    parts = part.map { [$0] } ?? Part.allCases
  }

  func rows(runCount: Int) throws -> [Row] {
    var list: ClusterList?
    var measured: [(Series, Double?)] = []
    for part in parts {
      note("\(part)")
      let place = "\(directory)/\(part)"
      try Paths.createDirectory(place, mode: 0o700)
      if part == .walk {
        measured += try TreeWalking(directory: place).measure(runCount: runCount)
        continue
      }
      let clusters = try list ?? ClusterList(try readFile("\(directory)/usr.erofs"))
      list = clusters
      if part == .decoding {
        measured += try Decoding(clusters).measure(runCount: runCount)
      } else {
        measured += try SquashfuseReads(
          clusters, squashfs: "\(directory)/usr.squashfs", directory: place
        ).measure(runCount: runCount)
      }
    }
    return measured.map { Row(suite: "erofs", $0.0, goal: $0.1) }
  }
}
