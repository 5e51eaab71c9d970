internal import Bytes
internal import EROFS
internal import Foundation
internal import ImageMount
internal import PageTier

/// What looking for equal pages costs, beside the processor time of the cold read that brings them.
struct SharingOverhead {
  private static let goal = 0.02

  let stage: Stage
  let corpus: String

  func measure(runCount: Int) throws -> [(Series, Double?)] {
    let image = try CorpusPair.packed("redis.A", in: corpus, on: stage)
    let base = try stage.serve([image])
    let pages = try FilePagesInMemory(image)
    var series = Series("hashing and looking up, of a cold read's processor time", unit: .part)
    for run in 1...runCount {
      note("run \(run) of \(runCount)")
      let read = try coldReadSeconds("\(base)\(image.split(separator: "/").last ?? "")")
      let alone = try pages.insertionSeconds(sharesContent: false)
      let shared = try pages.insertionSeconds(sharesContent: true)
      note(
        "cold read \(read) s; \(pages.pageCount) pages kept in \(alone) s alone, "
          + "\(shared) s looking for equal ones")
      series.ours.append(max(0, shared - alone) / read)
    }
    return [(series, Self.goal)]
  }

  /// Processor seconds that a mount takes for reading all files of `source`, none of it cached.
  private func coldReadSeconds(_ source: String) throws -> Double {
    try stage.removeCache("overhead")
    try stage.dropCaches()
    return try stage.withMount(of: source, cache: "overhead") { _ in
      let process = try stage.status(cache: "overhead", "owner", "pid")
      let before = try processorSeconds(of: process)
      try stage.shell(#"tar -C "$0" -cf - . | cat >/dev/null"#, stage.mountPoint)
      return try processorSeconds(of: process) - before
    }
  }

  /// User and system time of `process`, which the kernel counts in hundredths of a second.
  private func processorSeconds(of process: Int) throws -> Double {
    let line = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
    let fields = line[(line.lastIndex(of: ")") ?? line.startIndex)...].split(separator: " ")
    guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else {
      throw StageError("/proc/\(process)/stat has not the fields it should")
    }
    return (user + system) / 100
  }
}

/// All file content of an image, in memory.
private struct FilePagesInMemory {
  private let contents: [[UInt8]]

  init(_ path: String) throws {
    let images = try TierImages(TierOptions(byteCountMax: 2 << 20))
    try images.add(path)
    let (paged, files) = images.images[0]
    contents = try files.map { inode in
      var bytes = [UInt8](repeating: 0, count: Int(inode.byteCount))
      var span = bytes.mutableRawSpan
      _ = try paged.read(inode, at: 0, into: &span)
      return bytes
    }
  }

  var pageCount: Int { contents.reduce(0) { $0 + ($1.count + 4095) / 4096 } }

  /// Processor seconds that a tier takes to keep all pages.
  func insertionSeconds(sharesContent: Bool) throws -> Double {
    var options = TierOptions(byteCountMax: 512 << 20)
    options.sharesContent = sharesContent
    guard let tier = PageTier(options), let domain = tier.makeDomain(),
      let volume = tier.makeVolume(in: domain)
    else { throw StageError("not enough addresses for a tier") }
    // The second time, when the memory is there.
    var seconds = 0.0
    for _ in 1...2 {
      let files = contents.map { tier.makeFile(byteCount: UInt64($0.count), volume: volume) }
      seconds = processorTime {
        for (content, file) in zip(contents, files) {
          tier.insert(content.rawSpan, into: file, at: 0)
        }
      }
      for file in files { tier.remove(file) }
    }
    return seconds
  }
}
