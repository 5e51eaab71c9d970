internal import Foundation
internal import Linux

/// Two versions of an image, mounted together and read fully: what that takes of the machine's memory
/// when their mounts share the kernel's page cache, and when they do not.
///
/// Memory is what the page cache grew by, which counts shared memory too, and the owner's resident set.
/// The images are local files, whose own pages are dropped before it is looked at; those of the mounts'
/// files are kept by mapping them, also what `tar` has read.
struct MountedPairs {
  /// How all files are read.
  enum Reading: String, CaseIterable {
    case tar, mmap
  }

  private static let cache = "mounted-pairs"

  let stage: Stage
  let corpus: String

  func measure(runCount: Int) throws -> [(Series, Double?)] {
    try Paths.createDirectory(secondPoint, mode: 0o755)
    defer { try? MountCalls.unmount(secondPoint, lazily: true) }
    return try CorpusPair.all(in: corpus).flatMap { pair in
      let paths = try [pair.first, pair.second].map {
        try CorpusPair.packed($0, in: corpus, on: stage)
      }
      return try Reading.allCases.flatMap { reading in
        try rows(of: pair, paths, reading, runCount: runCount)
      }
    }
  }

  private func rows(
    of pair: CorpusPair, _ paths: [String], _ reading: Reading, runCount: Int
  ) throws -> [(Series, Double?)] {
    let name = "\(pair.first)+\(pair.second.suffix(1)), \(reading)"
    note("\(name), mounted")
    var grown = Series(name, unit: .saving, otherName: "ideal, analyze.py")
    var counted = Series("\(name), counted by file", unit: .saving, otherName: "ideal, analyze.py")
    for _ in 0..<runCount {
      let shared = try growth(paths, reading, pageCache: "shared")
      let apart = try growth(paths, reading, pageCache: "private")
      let alone = try growth([paths[0]], reading, pageCache: "shared")
      note(
        "\(name): \(shared.byteCount >> 20) MiB shared, "
          + "\(apart.byteCount >> 20) MiB apart, \(alone.byteCount >> 20) MiB for the first alone; "
          + "files of \(apart.fileByteCount >> 20) MiB")
      let fileByteCount = Double(apart.fileByteCount)
      grown.ours.append(Double(apart.byteCount - shared.byteCount) / fileByteCount)
      counted.ours.append(
        Double(apart.countedByteCount - shared.countedByteCount) / fileByteCount)
    }
    grown.other = [pair.idealFileSaving]
    counted.other = grown.other
    return [(grown, 0.97), (counted, 0.97)]
  }

  private var secondPoint: String { "\(stage.directory)/second" }

  /// What reading images takes, in bytes.
  private struct Growth {
    /// Of the machine's page cache and the owner's resident set.
    var byteCount: Int
    /// Of the owner's resident set, and what `cullet mounts --pages` counts of the images' files: others
    /// come and go meanwhile.
    var countedByteCount: Int
    /// How large the files are, in whole pages.
    var fileByteCount: Int
  }

  /// What reading the images at `paths` takes.
  private func growth(
    _ paths: [String], _ reading: Reading, pageCache: String
  ) throws -> Growth {
    let points = Array([stage.mountPoint, secondPoint].prefix(paths.count))
    for (path, point) in zip(paths, points) {
      try stage.cullet(
        cache: Self.cache, "mount", "--page-cache", pageCache, "--domain",
        pageCache == "shared" ? "pair" : point, path, point)
    }
    defer {
      for point in points { try? stage.cullet(cache: Self.cache, "unmount", "--lazy", point) }
    }
    var fileByteCount = 0
    try stage.dropCaches()
    // The programs that read and look are to be in memory before and after.
    let pages = KeptPages()
    try pages.add(programOf: stage.status(cache: Self.cache, "owner", "pid"))
    _ = try read(stage.kernelPoint, reading, into: pages)
    for path in paths { try stage.dropPages(of: path) }
    _ = try usage()
    let before = try usage()
    for point in points { fileByteCount += try read(point, reading, into: pages) }
    for path in paths { try stage.dropPages(of: path) }
    // What the owner needs only while it is busy it gives back after two or three seconds.
    Thread.sleep(milliseconds: 5000)
    let (after, counted) = try withExtendedLifetime(pages) {
      (try usage(), try stage.pageCacheByteCount(cache: Self.cache))
    }
    let owner = after.owner - before.owner
    let kept = try stage.status(cache: Self.cache, "memory", "residentBytes")
    note(
      "  \(counted >> 20) MiB of pages of \(pageCache) files, \(owner >> 20) of the owner, "
        + "whose tier has \(kept >> 20)")
    return Growth(
      byteCount: after.pageCache - before.pageCache + owner, countedByteCount: counted + owner,
      fileByteCount: fileByteCount)
  }

  /// Reads every file below `point` and keeps it in `pages`; returns what they hold, in whole pages.
  private func read(
    _ point: String, _ reading: Reading, into pages: KeptPages
  ) throws -> Int {
    try pages.add(filesBelow: point, on: stage) { names in
      guard reading == .tar else { return }
      try names.write(to: URL(filePath: "\(stage.directory)/names"))
      try stage.shell("tar --null -T names -Pcf - | cat >/dev/null")
    }
  }

  /// The page cache, which counts shared memory, and the owner's resident set.
  private func usage() throws -> (pageCache: Int, owner: Int) {
    let owner = try stage.status(cache: Self.cache, "owner", "pid")
    return (
      try KernelFigures(at: "/proc/meminfo").byteCount("Cached"),
      try KernelFigures(at: "/proc/\(owner)/status").byteCount("VmRSS")
    )
  }
}
