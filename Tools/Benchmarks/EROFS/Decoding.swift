internal import Bytes
internal import EROFS
internal import EROFSReader
internal import Linux
internal import TestSupport

/// Reads of an LZ4 image in memory beside the bare decoder on the same clusters, in one thread.
struct Decoding {
  private static let pieceByteCount = 1 << 20
  private static let pageByteCount = 4096
  private static let randomReadCount = 20_000

  private let list: ClusterList

  init(_ list: ClusterList) {
    self.list = list
  }

  func measure(runCount: Int) throws -> [(Series, Double?)] {
    var whole = Series(
      "whole LZ4 image, 1 thread", unit: .megabytesPerSecond, otherName: "LZ4 alone")
    var random = Series(
      "random 4 KiB, nothing decoded", unit: .readsPerSecond, otherName: "LZ4 alone")
    for run in 0..<runCount {
      whole.ours.append(try throughput { try readEverything() })
      whole.other.append(try throughput { try decodeEverything() })
      let reads = Self.randomReads(of: list, seed: UInt64(run))
      random.ours.append(try Self.rate(of: reads, by: reader(for: reads)))
      random.other.append(try Self.rate(of: reads, by: bareReader()))
    }
    return [(whole, 0.85), (random, 0.8)]
  }

  private func throughput(_ body: () throws -> Void) throws -> Double {
    Double(list.byteCount) / 1e6 / (try processorTime { try body() })
  }

  private func readEverything() throws {
    let image = try Image(source: MemorySource(list.bytes))
    var buffer = [UInt8](repeating: 0, count: Self.pieceByteCount)
    for file in list.files {
      var offset: UInt64 = 0
      while offset < file.inode.byteCount {
        var span = buffer.mutableRawSpan
        offset += UInt64(try image.read(file.inode, at: offset, into: &span))
      }
    }
  }

  private func decodeEverything() throws {
    var buffer = [UInt8](repeating: 0, count: 12 << 20)
    for file in list.files {
      for extent in file.extents {
        try list.decodeBare(extent, byteCount: Int(extent.byteCount), into: &buffer)
      }
    }
  }

  /// A page of a file, and the extent that it is wholly in.
  struct RandomRead {
    let file: ClusterList.File
    let extent: Extent
    let offset: UInt64
  }

  /// Pages of distinct extents, in random order.
  static func randomReads(of list: ClusterList, seed: UInt64) -> [RandomRead] {
    var generator = SeededGenerator(seed: seed)
    var reads: [RandomRead] = []
    let page = UInt64(pageByteCount)
    for file in list.files {
      for extent in file.extents {
        let first = extent.fileOffset.roundedUp(toMultipleOf: page)
        guard first + page <= extent.fileEnd else { continue }
        let index = UInt64.random(in: 0...(extent.fileEnd - first) / page - 1, using: &generator)
        reads.append(RandomRead(file: file, extent: extent, offset: first + index * page))
      }
    }
    reads.shuffle(using: &generator)
    return Array(reads.prefix(randomReadCount))
  }

  typealias Reader = (RandomRead, inout [UInt8]) throws -> Void

  enum Clock {
    case ofProcessor, onWall
  }

  /// How many of `reads` a second `reader` does, by `clock`.
  static func rate(
    of reads: [RandomRead], by reader: @escaping Reader, clock: Clock = .ofProcessor
  ) throws -> Double {
    var buffer = [UInt8](repeating: 0, count: 12 << 20)
    let readAll = { for read in reads { try reader(read, &buffer) } }
    let seconds =
      switch clock {
      case .ofProcessor: try processorTime { try readAll() }
      case .onWall: try timed { try readAll() }
      }
    return Double(reads.count) / seconds
  }

  func reader(for reads: [RandomRead]) throws -> Reader {
    let image = try list.freshImage(knowing: reads.map(\.file))
    return { read, buffer in
      var span = buffer.mutableRawSpan
      var part = span[bytes: 0..<Self.pageByteCount]
      _ = try image.read(read.file.inode, at: read.offset, into: &part)
    }
  }

  /// Decodes as far as the page's end, which is the least that can be done.
  private func bareReader() -> Reader {
    { [list] read, buffer in
      let wanted = Int(read.offset - read.extent.fileOffset) + Self.pageByteCount
      try list.decodeBare(read.extent, byteCount: wanted, into: &buffer)
    }
  }
}
