/// The tasks of the suite `mount` with the driver `kernel`, on images that are all in the cache on
/// disk, beside the kernel's EROFS on the same images as local files.
///
/// Cold means that a new process serves the mount, its memory empty, and that the kernel's caches
/// are dropped; warm is measured in the same mount, right after.
struct KernelDriverMounts {
  /// The same code reads on both sides, but below ours is a server, and it has to be woken.
  private static let coldGoal = 0.85
  /// What is in the page cache costs the same, wherever it came from.
  private static let warmGoal = 1.0

  let stage: Stage

  func rows(runCount: Int) throws -> [Row] {
    let cache = try FilledCache(Set(MountTask.all.map(\.image)).sorted(), on: stage)
    return try MountTask.all.flatMap { task in
      note("mount, driver kernel: \(task.name)")
      var cold = task.series(", driver kernel, cold")
      var warm = task.series(", driver kernel, warm")
      for _ in 0..<runCount {
        try stage.dropCaches()
        try stage.withMount(
          of: cache.url(of: task.image), cache: FilledCache.name, driver: "kernel"
        ) { _ in
          let figures = try task.measure(at: stage.mountPoint, on: stage)
          cold.ours.append(figures.cold)
          warm.ours.append(figures.warm)
        }
        try stage.dropCaches()
        try stage.withKernelMount(of: "\(stage.directory)/\(task.image).erofs") { _ in
          let figures = try task.measure(at: stage.kernelPoint, on: stage)
          cold.other.append(figures.cold)
          warm.other.append(figures.warm)
        }
      }
      return [
        Row(suite: "mount", cold, goal: Self.coldGoal),
        Row(suite: "mount", warm, goal: Self.warmGoal),
      ]
    }
  }
}
