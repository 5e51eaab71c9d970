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
      try task.rows(
        runCount: runCount,
        by: .init(
          source: cache.url(of: task.image), cache: FilledCache.name, driver: "kernel",
          coldGoal: Self.coldGoal, warmGoal: Self.warmGoal), on: stage)
    }
  }
}
