/// The drivers of mounts beside the kernel's EROFS on local files: what the way through the server
/// costs while nothing is far.
///
/// Ours and the kernel's take turns within each run, each with the kernel's caches dropped and by a
/// process of its own; what is measured as warm is measured in the same mount, right after.
struct MountSuite {
  /// What can be measured by itself.
  enum Part: String, CaseIterable {
    case tar, random, sequential, find, readers, store, kernel
  }

  private let stage: Stage
  private let parts: [Part]

  /// The suite, or one `part` of it, on the images that `Tools/bench` made in the stage's directory.
  init(stage: Stage, part: Part?) {
    self.stage = stage
    parts = part.map { [$0] } ?? Part.allCases
  }

  func rows(runCount: Int) throws -> [Row] {
    try parts.flatMap { part -> [Row] in
      if part == .kernel { return try KernelDriverMounts(stage: stage).rows(runCount: runCount) }
      if part == .store { return try StoredMounts(stage: stage).rows(runCount: runCount) }
      return try MountTask.all.filter { $0.part == part }.flatMap { task in
        try task.rows(runCount: runCount, on: stage)
      }
    }
  }
}
