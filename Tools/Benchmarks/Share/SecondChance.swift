internal import Bytes
internal import EROFS
internal import EROFSReader
internal import ImageMount
internal import Linux
internal import PageTier
internal import TestSupport

/// Random reads with memory for a quarter of what is read, from a store that gives 100 MB/s, with
/// the compressed part and without.
struct SecondChance {
  private static let byteRate = 100_000_000.0
  /// Some twenty reads a page: a page is compressed when it goes for the second time.
  private static let warmUpCount = 500_000
  private static let readCount = 20_000
  private static let goal = 2.0

  let stage: Stage
  let corpus: String

  func measure(runCount: Int) throws -> [(Series, Double?)] {
    // Headers and package metadata are text; the tree of redis is mostly programs.
    try stage.shell(
      """
      mkdir -p text && cp -a /usr/include /var/lib/dpkg text/ \
      && mkfs.erofs --quiet text.erofs text >/dev/null && rm -rf text
      """)
    let trees: [(String, String, Double?)] = [
      ("headers and package metadata", "\(stage.directory)/text.erofs", Self.goal),
      ("tree of redis", "\(corpus)/images/redis.A.plain.erofs", nil),
    ]
    return try trees.map { name, path, goal in
      var series = Series(
        "random 4 KiB reads, a quarter of \(name) fits", unit: .readsPerSecond,
        otherName: "compressed part off")
      for run in 1...runCount {
        note("run \(run) of \(runCount)")
        series.other.append(try rate(path, compresses: false))
        series.ours.append(try rate(path, compresses: true))
      }
      return (series, goal)
    }
  }

  private func rate(_ path: String, compresses: Bool) throws -> Double {
    let whole = try TierImages(TierOptions(byteCountMax: 2 << 30))
    try whole.add(path)
    let files = whole.images[0].files
    let pages = files.reduce(UInt64(0)) { $0 + ($1.byteCount + 4095) / 4096 }
    var options = TierOptions(byteCountMax: Int(pages) * PageTier.pageByteCount / 4)
    options.compresses = compresses
    options.sharesContent = false
    let images = try TierImages(options)
    let throttle = ThrottledSource.Rate(Self.byteRate)
    try images.add(path) { ThrottledSource($0, rate: throttle) }
    throttle.isOn = false
    try readAtRandom(images, pageCount: pages, count: Self.warmUpCount, seed: 1)
    throttle.isOn = true
    let seconds = try timed {
      try readAtRandom(images, pageCount: pages, count: Self.readCount, seed: 2)
    }
    let statistics = images.tier.statistics
    note(
      "\(statistics.pageCount) pages as they are and \(statistics.compressedPageCount) in "
        + "\(statistics.compressedByteCount >> 20) MiB, of \(pages)")
    return Double(Self.readCount) / seconds
  }

  private func readAtRandom(
    _ images: TierImages, pageCount: UInt64, count: Int, seed: UInt64
  ) throws {
    let (paged, files) = images.images[0]
    var ends: [UInt64] = []
    for file in files { ends.append((ends.last ?? 0) + (file.byteCount + 4095) / 4096) }
    var generator = SeededGenerator(seed: seed)
    var buffer = [UInt8](repeating: 0, count: PageTier.pageByteCount)
    for _ in 0..<count {
      let page = UInt64.random(in: 0..<pageCount, using: &generator)
      let index = ends.partitioningIndex { $0 > page }
      let start = index == 0 ? 0 : ends[index - 1]
      var span = buffer.mutableRawSpan
      _ = try paged.read(files[index], at: (page - start) * 4096, into: &span)
    }
  }
}

extension [UInt64] {
  /// The first index at which `isBeyond` holds, in an array where it holds from some index on.
  fileprivate func partitioningIndex(where isBeyond: (UInt64) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isBeyond(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
