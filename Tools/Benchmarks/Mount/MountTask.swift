internal import TestSupport

/// One thing done to a mounted image, and how near to the kernel it ought to come.
struct MountTask {
  /// What is done.
  private enum Work {
    case archive, random, sequential, listing, readers
  }

  static let kernelName = "kernel EROFS, local file"

  let part: MountSuite.Part
  let name: String
  /// The image's file, without its suffix.
  let image: String
  /// Ratios to the kernel's EROFS.
  let coldGoal: Double
  let warmGoal: Double
  private let unit: Series.Unit
  private let work: Work

  /// Each with an image that is plain and, where there are contents to read, one that is LZ4.
  static let all: [MountTask] =
    ["plain", "LZ4"].map { kind in
      // At most twice, and warm 1.3 times, as long.
      MountTask(
        part: .tar, name: "tar of /usr/share, \(kind)", image: "share-\(kind.lowercased())",
        coldGoal: 1 / 2.0, warmGoal: 1 / 1.3, unit: .seconds, work: .archive)
    }
    + ["plain", "LZ4"].map { kind in
      MountTask(
        part: .random, name: "4 KiB at random, \(kind)", image: "large-\(kind.lowercased())",
        coldGoal: 0.5, warmGoal: 0.9, unit: .readsPerSecond, work: .random)
    }
    + ["plain", "LZ4"].map { kind in
      MountTask(
        part: .sequential, name: "1 MiB in order, \(kind)", image: "large-\(kind.lowercased())",
        coldGoal: 0.9, warmGoal: 0.95, unit: .megabytesPerSecond, work: .sequential)
    } + [
      MountTask(
        part: .find, name: "find -ls of 100,000 entries", image: "entries",
        coldGoal: 1 / 3.0, warmGoal: 1 / 1.2, unit: .seconds, work: .listing)
    ]
    + ["plain", "LZ4"].map { kind in
      MountTask(
        part: .readers, name: "16 readers, 64 KiB at random, \(kind)",
        image: "large-\(kind.lowercased())",
        coldGoal: 0.8, warmGoal: 0.8, unit: .megabytesPerSecond, work: .readers)
    }

  /// No figures yet for this task `condition`.
  func series(_ condition: String) -> Series {
    Series(name + condition, unit: unit, otherName: Self.kernelName)
  }

  /// Where ours comes from, when it is not the local file that the kernel reads.
  struct Way {
    let source: String
    let cache: String
    let driver: String
    let coldGoal: Double
    let warmGoal: Double
  }

  /// One row for the caches empty and one for them full, ours and the kernel's taking turns.
  func rows(runCount: Int, by way: Way? = nil, on stage: Stage) throws -> [Row] {
    let label = way.map { ", driver \($0.driver)" } ?? ""
    note("mount\(label): \(name)")
    let local = "\(stage.directory)/\(image).erofs"
    var cold = series("\(label), cold")
    var warm = series("\(label), warm")
    for _ in 0..<runCount {
      try stage.dropCaches()
      try stage.withMount(
        of: way?.source ?? local, cache: way?.cache ?? "unused", driver: way?.driver ?? "fuse"
      ) { _ in
        let figures = try measure(at: stage.mountPoint, on: stage)
        cold.ours.append(figures.cold)
        warm.ours.append(figures.warm)
      }
      try stage.dropCaches()
      try stage.withKernelMount(of: local) { _ in
        let figures = try measure(at: stage.kernelPoint, on: stage)
        cold.other.append(figures.cold)
        warm.other.append(figures.warm)
      }
    }
    return [
      Row(suite: "mount", cold, goal: way?.coldGoal ?? coldGoal),
      Row(suite: "mount", warm, goal: way?.warmGoal ?? warmGoal),
    ]
  }

  /// What is mounted at `point` read for the first time, and once more with everything in memory.
  func measure(at point: String, on stage: Stage) throws -> (cold: Double, warm: Double) {
    let cold = try measureOnce(at: point, isWarm: false, on: stage)
    if work == .random || work == .readers {
      _ = try Access.readInOrder("\(point)/large.bin", passCount: 1)
    }
    let pages = KeptPages()
    if work != .listing { try pages.add(filesBelow: point, on: stage) }
    let warm = try withExtendedLifetime(pages) {
      try measureOnce(at: point, isWarm: true, on: stage)
    }
    return (cold, warm)
  }

  /// What is mounted at `point` read once; `isWarm` asks for more reads, for each takes less time.
  func measureOnce(at point: String, isWarm: Bool, on stage: Stage) throws -> Double {
    switch work {
    case .archive:
      // Not straight to /dev/null: tar knows that one, and reads nothing.
      try timed { try stage.shell(#"tar -C "$0" -cf - . | cat >/dev/null"#, point) }
    case .listing:
      try timed { try stage.shell(#"find "$0" -ls >/dev/null"#, point) }
    case .random:
      try Access.readAtRandom("\(point)/large.bin", count: isWarm ? 200_000 : 2000)
    case .sequential:
      try Access.readInOrder("\(point)/large.bin", passCount: isWarm ? 8 : 1)
    case .readers:
      try ConcurrentReaders(path: "\(point)/large.bin").measure(readCount: isWarm ? 1000 : 100)
    }
  }
}
