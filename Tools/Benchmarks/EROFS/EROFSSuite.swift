internal import Linux

/// The reader by itself, on an image in memory: decoding beside the bare codec, and walking.
struct EROFSSuite {
  private let directory: String

  /// The suite, on the images that `Tools/bench` made in `directory`.
  init(directory: String) {
    self.directory = directory
  }

  func rows(runCount: Int) throws -> [Row] {
    note("walk")
    let place = "\(directory)/walk"
    try Paths.createDirectory(place, mode: 0o700)
    var measured = try TreeWalking(directory: place).measure(runCount: runCount)
    note("decoding")
    let list = try ClusterList(try readFile("\(directory)/usr.erofs"))
    measured += try Decoding(list).measure(runCount: runCount)
    note("squashfuse")
    measured += try SquashfuseReads(
      list, squashfs: "\(directory)/usr.squashfs", directory: directory
    ).measure(runCount: runCount)
    return measured.map { Row(suite: "erofs", $0.0, goal: $0.1) }
  }
}
