internal import Bytes
internal import EROFS
internal import EROFSReader
internal import Linux
internal import TestSupport

/// Random reads by the library beside those through squashfuse of the same tree in LZ4, both by
/// the wall clock: a server of files computes in its own process.
struct SquashfuseReads {
  private static let readCount = 3000

  private let list: ClusterList
  private let squashfs: String
  private let point: String

  /// Reads of `list` beside reads of the image at `squashfs`, mounted below `directory`.
  init(_ list: ClusterList, squashfs: String, directory: String) throws {
    self.list = list
    self.squashfs = squashfs
    point = "\(directory)/squashfuse"
    try Paths.createDirectory(point, mode: 0o700)
  }

  func measure(runCount: Int) throws -> [(Series, Double?)] {
    var series = Series(
      "random 4 KiB beside squashfuse", unit: .readsPerSecond, otherName: "squashfuse, LZ4")
    var paths: [UInt64: String] = [:]
    var walk = TreeWalk(list.image)
    while let entry = try walk.next() {
      if paths[entry.inode.nid] == nil { paths[entry.inode.nid] = FileName(entry.path).text }
    }
    for run in 0..<runCount {
      let reads = Array(
        Decoding.randomReads(of: list, seed: UInt64(100 + run)).prefix(Self.readCount))
      series.ours.append(
        try Decoding.rate(
          of: reads, by: try Decoding(list).reader(for: reads), clock: .onWall))
      series.other.append(try mounted { try rate(of: reads, paths) })
    }
    return [(series, 3)]
  }

  private func mounted<Value>(_ body: () throws -> Value) throws -> Value {
    let server = try RunningCommand(["squashfuse", "-f", squashfs, point])
    defer {
      _ = try? Command(["umount", point])
      // It ends with its mount, if that could be taken away.
      server.send(signal: Signals.terminate)
      _ = server.finish()
    }
    for _ in 0..<200 where try Command(["mountpoint", "-q", point]).status != 0 {
      Thread.sleep(milliseconds: 20)
    }
    // Both have their image in memory, and nothing of it decoded.
    let reading = try Command(["dd", "if=\(squashfs)", "of=/dev/null", "bs=1M", "status=none"])
    guard reading.status == 0 else { throw StageError("dd: \(reading.errors)") }
    return try body()
  }

  private func rate(
    of reads: [Decoding.RandomRead], _ paths: [UInt64: String]
  ) throws -> Double {
    var seconds = 0.0
    var page = [UInt8](repeating: 0, count: 4096)
    for read in reads {
      // Opening is not measured: ours has its files open too.
      let file = try FileDescriptor(
        opening: "\(point)/\(paths[read.file.inode.nid] ?? "")", .readOnly)
      seconds += try timed {
        var span = page.mutableRawSpan
        guard try file.read(into: &span, at: read.offset) == 4096 else {
          throw StageError("a short read through squashfuse")
        }
      }
    }
    return Double(reads.count) / seconds
  }
}
