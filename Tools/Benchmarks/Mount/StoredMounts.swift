/// The tasks of the suite `mount` on images that came over HTTP and are all in the cache on disk.
///
/// Cold means that a new process serves the mount and that the kernel's caches are dropped. Warm is
/// not measured again: the kernel does not know where its pages came from.
struct StoredMounts {
  let stage: Stage

  func rows(runCount: Int) throws -> [Row] {
    let tasks = MountTask.all.filter { $0.image.hasSuffix("-lz4") }
    let images = Set(tasks.map(\.image)).sorted()
    let cache = try FilledCache(images, on: stage)
    return try tasks.map { task in
      note("mount, from the store: \(task.name)")
      let image = "\(stage.directory)/\(task.image).erofs"
      var cold = task.series(", disk store")
      for _ in 0..<runCount {
        try stage.dropCaches()
        try stage.withMount(of: cache.url(of: task.image), cache: FilledCache.name) { _ in
          cold.ours.append(
            try task.measureOnce(at: stage.mountPoint, isWarm: false, on: stage))
        }
        try stage.dropCaches()
        try stage.withKernelMount(of: image) { _ in
          cold.other.append(
            try task.measureOnce(at: stage.kernelPoint, isWarm: false, on: stage))
        }
      }
      return Row(suite: "mount", cold, goal: task.coldGoal)
    }
  }
}
