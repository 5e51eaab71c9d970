internal import Linux

/// The main job beside the kernel's EROFS on the same image as a local file: reads with nothing, with
/// only the disk, and with the page cache warm; mounting; and culling.
///
/// Ours and the kernel's take turns within each run, so that whatever else the machine does meets
/// both. For the kernel a cold read and one from a warm disk are the same.
struct MainSuite {
  private enum Warmth: String, CaseIterable {
    case cold = "cold over HTTP"
    case disk = "warm disk"
    case memory = "warm memory"
  }

  private let stage: Stage
  private let kernelName = "kernel EROFS, local file"

  init(stage: Stage) {
    self.stage = stage
  }

  func rows(runCount: Int) throws -> [Row] {
    let image = "\(stage.directory)/demo/demo.erofs"
    let culling = try Culling(stage: stage)
    let base = try stage.serve([image, culling.image])
    var reads = Warmth.allCases.map { warmth in
      Access.allCases.map { access in
        Series("\(access.rawValue), \(warmth.rawValue)", unit: access.unit, otherName: kernelName)
      }
    }
    var mounts = ["mount, cache empty", "mount, cached"].map {
      Series($0, unit: .seconds, otherName: kernelName)
    }
    var culls = Series(culling.name, unit: .milliseconds)
    try fill("warm", from: "\(base)demo.erofs")
    for run in 1...runCount {
      note("run \(run) of \(runCount)")
      for (access, kind) in Access.allCases.enumerated() {
        for (index, cache) in ["cold", "warm"].enumerated() {
          if cache == "cold" { try stage.removeCache(cache) }
          try stage.dropCaches()
          try stage.withMount(of: "\(base)demo.erofs", cache: cache) { _ in
            reads[index][access].ours.append(
              try kind.measure(at: stage.mountPoint, isFast: false, on: stage))
          }
          try stage.dropCaches()
          try stage.withKernelMount(of: image) { _ in
            reads[index][access].other.append(
              try kind.measure(at: stage.kernelPoint, isFast: false, on: stage))
          }
        }
      }
      try stage.withMount(of: "\(base)demo.erofs", cache: "warm") { _ in
        for (access, figure) in try warmFigures(at: stage.mountPoint).enumerated() {
          reads[2][access].ours.append(figure)
        }
      }
      try stage.withKernelMount(of: image) { _ in
        for (access, figure) in try warmFigures(at: stage.kernelPoint).enumerated() {
          reads[2][access].other.append(figure)
        }
      }
      // The last, with both programs in memory: how long it takes to load them is not the question.
      try stage.removeCache("cold")
      for index in mounts.indices {
        try stage.withMount(of: "\(base)demo.erofs", cache: "cold") {
          mounts[index].ours.append($0)
        }
        try stage.withKernelMount(of: image) { mounts[index].other.append($0) }
      }
      culls.ours.append(try culling.measure(source: "\(base)\(Culling.imageName)"))
    }
    return (reads.joined() + mounts).map { Row(suite: "main", $0, goal: nil) }
      + [Row(suite: "main", culls, goal: Culling.goalMilliseconds)]
  }

  /// Brings everything into the cache named `cache`, and on disk.
  private func fill(_ cache: String, from source: String) throws {
    try stage.withMount(of: source, cache: cache) { _ in
      for access in [Access.sequential, .archive] {
        _ = try access.measure(at: stage.mountPoint, isFast: false, on: stage)
      }
    }
  }

  /// The figures of all accesses, in their order, after the kernel has everything in memory.
  private func warmFigures(at point: String) throws -> [Double] {
    for access in [Access.sequential, .archive] {
      _ = try access.measure(at: point, isFast: false, on: stage)
    }
    return try Access.allCases.map { try $0.measure(at: point, isFast: true, on: stage) }
  }
}
