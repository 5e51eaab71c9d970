internal import Bytes
internal import Linux
internal import TestSupport

/// `cullet cache cull --target 50` on a full cache of ten thousand blocks, through its live owner.
struct Culling {
  static let imageName = "blocks.erofs"
  static let goalMilliseconds = 1000.0
  private static let blockCount = 10_000
  private static let blockByteCount = 16 << 10

  let name = "cull to 50 % free, 10,000 blocks"
  var image: String { "\(stage.directory)/\(Self.imageName)" }
  private let stage: Stage

  /// Makes an image of one file that takes as many blocks.
  init(stage: Stage) throws {
    self.stage = stage
    try stage.shell("mkdir blocks")
    let file = try FileDescriptor(
      opening: "\(stage.directory)/blocks/file", [.writeOnly, .create, .exclusive])
    var generator = SeededGenerator(seed: 2)
    var part = generator.bytes(count: 1 << 20)
    for index in 0...Self.blockCount * Self.blockByteCount / part.count {
      // Enough to tell the parts apart.
      part[0] = UInt8(truncatingIfNeeded: index)
      try file.write(part.rawSpan)
    }
    try stage.shell(#"mkfs.erofs --quiet "$0" blocks >/dev/null && rm -r blocks"#, image)
  }

  /// The milliseconds until the command is back.
  func measure(source: String) throws -> Double {
    let cache = "culled"
    try stage.removeCache(cache)
    // Room for a few blocks more, and water marks so low that nothing is culled before.
    try stage.cullet(cache: cache, "cache", "init", "--block-size", "16K", "--size", "168M")
    return try stage.withMount(of: source, cache: cache) { _ in
      try stage.cullet(
        cache: cache, "cache", "limits", "--brun", "2", "--bcull", "1", "--bstop", "0")
      try fill(cache)
      let seconds = try timed {
        try stage.cullet(cache: cache, "cache", "cull", "--target", "50")
      }
      let (free, total) = (
        try stage.status(cache: cache, "blocks", "free"),
        try stage.status(cache: cache, "blocks", "total")
      )
      guard free * 2 >= total else {
        throw StageError("the cull left \(free) of \(total) blocks free")
      }
      return seconds * 1000
    }
  }

  /// Reads until all blocks are in: a cache that is busy writing lets a few go by.
  private func fill(_ cache: String) throws {
    for _ in 0..<10 {
      try stage.dropCaches()
      try stage.shell(#"cat "$0/file" >/dev/null"#, stage.mountPoint)
      if try stage.status(cache: cache, "blocks", "used") >= Self.blockCount { return }
    }
    throw StageError(
      "the cache has \(try stage.status(cache: cache, "blocks", "used")) blocks only")
  }
}
