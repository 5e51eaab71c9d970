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
        try rows(of: task, runCount: runCount)
      }
    }
  }

  /// One row for the caches empty and one for them full.
  private func rows(of task: MountTask, runCount: Int) throws -> [Row] {
    note("mount: \(task.name)")
    let image = "\(stage.directory)/\(task.image).erofs"
    var cold = task.series(", cold")
    var warm = task.series(", warm")
    for _ in 0..<runCount {
      try stage.dropCaches()
      try stage.withMount(of: image, cache: "unused") { _ in
        let figures = try task.measure(at: stage.mountPoint, on: stage)
        cold.ours.append(figures.cold)
        warm.ours.append(figures.warm)
      }
      try stage.dropCaches()
      try stage.withKernelMount(of: image) { _ in
        let figures = try task.measure(at: stage.kernelPoint, on: stage)
        cold.other.append(figures.cold)
        warm.other.append(figures.warm)
      }
    }
    return [
      Row(suite: "mount", cold, goal: task.coldGoal),
      Row(suite: "mount", warm, goal: task.warmGoal),
    ]
  }
}
