internal import Foundation
internal import Linux

/// Services out of two versions of an image at work at the same time: what that takes of the
/// machine's memory when their mounts share the kernel's page cache, and when they do not.
///
/// What they keep in tmpfs and in memory that they share is theirs, and counts in neither figure. The
/// page cache is what `cullet mounts --pages` counts of the images' files, not the machine's.
struct ServicePairs {
  private static let cache = "service-pairs"

  /// What memory grew by, in bytes.
  private struct Growth {
    var pageCache: Int
    var owner: Int
    /// All processes' own memory, the owner's among it.
    var anonymous: Int

    /// What files take, in the kernel and in the owner of their mounts.
    var files: Int { pageCache + owner }
    var all: Int { pageCache + anonymous }
    var text: String {
      "\(pageCache >> 20) MiB of page cache, \(owner >> 20) of the owner, "
        + "\(anonymous >> 20) anonymous"
    }
  }

  /// Processes' memory as the kernel counts it, in bytes.
  private struct Usage {
    var anonymous: Int
    var ownerResident: Int
  }

  let stage: Stage
  let corpus: String

  func measure(runCount: Int) throws -> [(Series, Double?)] {
    try Paths.createDirectory(secondPoint, mode: 0o755)
    defer { try? MountCalls.unmount(secondPoint, lazily: true) }
    var rows: [(Series, Double?)] = []
    for pair in try CorpusPair.all(in: corpus) {
      // The images C hold packages of several dates, and their programs do not find their loader.
      guard let service = Service(ofImage: pair.first), pair.second.hasSuffix(".B") else {
        continue
      }
      let paths = try [pair.first, pair.second].map {
        try CorpusPair.packed($0, in: corpus, on: stage)
      }
      let name = "\(pair.first)+\(pair.second.suffix(1)) at work"
      var files = Series("\(name), files", unit: .saving, otherName: "the letter's, all memory")
      var all = Series("\(name), all memory", unit: .saving, otherName: "the letter's, all memory")
      for _ in 0..<runCount {
        let shared = try growth(of: service, paths, pageCache: "shared")
        let apart = try growth(of: service, paths, pageCache: "private")
        note("\(name): apart \(apart.text); shared \(shared.text)")
        files.ours.append(1 - Double(shared.files) / Double(apart.files))
        all.ours.append(1 - Double(shared.all) / Double(apart.all))
        files.other.append(service.letterSaving)
        all.other.append(service.letterSaving)
      }
      rows += [(files, nil), (all, nil)]
    }
    return rows
  }

  private var secondPoint: String { "\(stage.directory)/second" }

  private func growth(
    of service: Service, _ paths: [String], pageCache: String
  ) throws -> Growth {
    let points = [stage.mountPoint, secondPoint]
    let arguments = (0..<2).map { [String(17_001 + $0), "service\($0).pid"] }
    defer {
      for (point, rest) in zip(points, arguments) {
        try? stage.shell(Service.stop, point, rest)
        try? stage.cullet(cache: Self.cache, "unmount", "--lazy", point)
      }
    }
    for (path, point) in zip(paths, points) {
      try stage.cullet(
        cache: Self.cache, "mount", "--page-cache", pageCache, "--domain",
        pageCache == "shared" ? "pair" : point, path, point)
      try stage.shell(Service.prepare, point)
    }
    try stage.dropCaches()
    _ = try usage()
    let before = try usage()
    for (point, rest) in zip(points, arguments) {
      try stage.shell("{ \(service.start); } >>services.log 2>&1", point, rest)
    }
    for (point, rest) in zip(points, arguments) {
      try stage.shell("{ \(service.drive); } >>services.log 2>&1", point, rest)
    }
    let after = try usage()
    return Growth(
      pageCache: try stage.pageCacheByteCount(cache: Self.cache),
      owner: after.ownerResident - before.ownerResident,
      anonymous: after.anonymous - before.anonymous)
  }

  private func usage() throws -> Usage {
    let owner = try stage.status(cache: Self.cache, "owner", "pid")
    return Usage(
      anonymous: try KernelFigures(at: "/proc/meminfo").byteCount("AnonPages"),
      ownerResident: try KernelFigures(at: "/proc/\(owner)/status").byteCount("VmRSS"))
  }
}
