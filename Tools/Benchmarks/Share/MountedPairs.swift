internal import Foundation
internal import Linux

/// Two versions of an image, mounted together and read fully: what that takes of the machine's memory
/// when their mounts share the kernel's page cache, and when they do not.
///
/// Memory is what the page cache grew by, which counts shared memory too, and the owner's resident set.
/// The images are local files, whose own pages are dropped before it is looked at.
struct MountedPairs {
  /// How all files are read.
  enum Reading: String, CaseIterable {
    case tar, mmap
  }

  private static let cache = "mounted-pairs"

  let stage: Stage
  let corpus: String

  func measure() throws -> [(Series, Double?)] {
    try Paths.createDirectory(secondPoint, mode: 0o755)
    defer { try? MountCalls.unmount(secondPoint, lazily: true) }
    var rows: [(Series, Double?)] = []
    for pair in try CorpusPair.all(in: corpus) {
      let paths = try [pair.first, pair.second].map {
        try CorpusPair.packed($0, in: corpus, on: stage)
      }
      let name = "\(pair.first)+\(pair.second.suffix(1))"
      for reading in Reading.allCases {
        note("\(name), mounted, \(reading)")
        let shared = try growth(paths, reading, pageCache: "shared")
        let apart = try growth(paths, reading, pageCache: "private")
        let alone = try growth([paths[0]], reading, pageCache: "shared")
        note(
          "\(name), \(reading): \(shared.byteCount >> 20) MiB shared, "
            + "\(apart.byteCount >> 20) MiB apart, \(alone.byteCount >> 20) MiB for the first alone; "
            + "files of \(apart.fileByteCount >> 20) MiB")
        let savings = [
          ("", apart.byteCount - shared.byteCount),
          (", counted by file", apart.countedByteCount - shared.countedByteCount),
        ]
        for (suffix, byteCount) in savings {
          var series = Series(
            "\(name), \(reading)\(suffix)", unit: .saving, otherName: "ideal, analyze.py")
          series.ours = [Double(byteCount) / Double(apart.fileByteCount)]
          series.other = [pair.idealFileSaving]
          rows.append((series, 0.97))
        }
      }
    }
    return rows
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
    _ = try read(stage.kernelPoint, reading)
    for path in paths { try stage.dropPages(of: path) }
    _ = try usage()
    let before = try usage()
    for point in points { fileByteCount += try read(point, reading) }
    for path in paths { try stage.dropPages(of: path) }
    let after = try usage()
    let owner = after.owner - before.owner
    let counted = try stage.pageCacheByteCount(cache: Self.cache)
    note("  \(counted >> 20) MiB of pages of \(pageCache) files, \(owner >> 20) of the owner")
    return Growth(
      byteCount: after.pageCache - before.pageCache + owner, countedByteCount: counted + owner,
      fileByteCount: fileByteCount)
  }

  /// Reads every file below `point` once; returns what they hold, in whole pages.
  private func read(_ point: String, _ reading: Reading) throws -> Int {
    // Names of one file count once.
    try stage.shell(
      #"find "$0" -xdev -type f -size +0 -printf '%i %s %p\0' | sort -zun -k1,1 >files"#, point)
    let list = try Data(contentsOf: URL(filePath: "\(stage.directory)/files"))
    var byteCount = 0
    for entry in list.split(separator: 0) {
      let fields = entry.split(separator: UInt8(ascii: " "), maxSplits: 2)
      guard fields.count == 3, let size = Int(String(decoding: fields[1], as: UTF8.self)) else {
        throw StageError("find says something else than was asked")
      }
      byteCount += (size + 4095) / 4096 * 4096
      if reading == .mmap { try MappedReading.touch(String(decoding: fields[2], as: UTF8.self)) }
    }
    if reading == .tar { try stage.shell(#"tar cf - -C "$0" . | cat >/dev/null"#, point) }
    return byteCount
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
