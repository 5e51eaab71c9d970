internal import BlockStore
internal import Bytes
internal import Linux
internal import Synchronization
internal import TestSupport

/// Reads of blocks from disk beside raw reads of the same file, and reads of the same blocks again.
///
/// Raw is `pread` past the page cache, at the places of slots. Ours and raw never read the same
/// block in a run at random, so that neither warms a cache below for the other; at depth 1 they take
/// turns. In order, three passes read a third of the blocks each, another one in every run.
struct BlockReads {
  private static let blockCount = 6144
  private static let serialCount = 1024
  private static let parallelCount = 2048
  private static let threadCount = 16
  private static let hitCount = 5000
  /// Blocks of a read in order: 1 MiB.
  private static let runLength = 16

  private let filled: FilledStore

  /// A filled store in `directory` that reads as `io` says.
  init(directory: String, io: StoreConfiguration.IOMode) throws {
    filled = try FilledStore(
      in: "\(directory)/cache", slotCount: Self.blockCount * 7 / 6, blockCount: Self.blockCount,
      io: io)
    try filled.fill(filled.object)
  }

  /// What `runCount` runs measure, the modes of reading taking turns.
  static func measure(directory: String, runCount: Int) throws -> [(Series, Double?)] {
    let modes = StoreConfiguration.IOMode.allCases
    let stores = try modes.map { try BlockReads(directory: "\(directory)/\($0.rawValue)", io: $0) }
    var series = try stores.map { try Measured(mode: $0.filled.modeName()) }
    var generator = SeededGenerator(seed: 3)
    for run in 0..<runCount {
      for (index, store) in stores.enumerated() {
        try store.measure(run, into: &series[index], &generator)
      }
    }
    return series.flatMap(\.rows)
  }

  /// What one mode of reading has been measured at.
  private struct Measured {
    var serial: Series
    var parallel: Series
    var again: Series
    var single: Series
    var merged: Series
    let isDirect: Bool

    init(mode: String) {
      let raw = "raw pread, O_DIRECT"
      serial = Series("64 KiB from disk, \(mode), depth 1", unit: .microseconds, otherName: raw)
      parallel = Series(
        "64 KiB from disk, \(mode), 16 readers", unit: .megabytesPerSecond, otherName: raw)
      again = Series("64 KiB read again, \(mode)", unit: .microseconds)
      let raw1M = "raw pread of 1 MiB, O_DIRECT"
      single = Series(
        "1 MiB in order, \(mode), block by block", unit: .megabytesPerSecond, otherName: raw1M)
      merged = Series("1 MiB in order, \(mode)", unit: .megabytesPerSecond, otherName: raw1M)
      isDirect = mode == "O_DIRECT"
    }

    /// The goals are for reads from disk past the page cache, and for hits in it.
    var rows: [(Series, Double?)] {
      [
        (serial, isDirect ? 1 / 1.15 : nil), (parallel, isDirect ? 0.9 : nil),
        (again, isDirect ? nil : 12), (single, nil), (merged, nil),
      ]
    }
  }

  private func measure(
    _ run: Int, into series: inout Measured, _ generator: inout SeededGenerator
  ) throws {
    try dropPages(of: filled.dataPath)
    let blocks = (0..<UInt32(Self.blockCount)).shuffled(using: &generator)
    let (ours, raw) = try serialLatencies(blocks.prefix(2 * Self.serialCount))
    series.serial.ours.append(ours)
    series.serial.other.append(raw)
    let rest = blocks.dropFirst(2 * Self.serialCount)
    series.parallel.other.append(try throughput(rest.prefix(Self.parallelCount), of: rawReader()))
    series.parallel.ours.append(
      try throughput(rest.dropFirst(Self.parallelCount), of: storeReader))
    series.again.ours.append(try hitLatency(&generator))
    try dropPages(of: filled.dataPath)
    let third = Self.blockCount / 3
    let parts = (0..<3).map { part in
      let first = (run + part) % 3 * third
      return UInt32(first)..<UInt32(first + third)
    }
    let rawRate = try orderedRate(of: parts[0], with: rawReader(runLength: Self.runLength))
    series.single.ours.append(try orderedRate(of: parts[1]) { try readEach($0) })
    series.merged.ours.append(try orderedRate(of: parts[2]) { try readTogether($0) })
    series.single.other.append(rawRate)
    series.merged.other.append(rawRate)
  }

  /// Megabytes a second of reading `blocks` in order, a run at a time, by `read`.
  private func orderedRate(
    of blocks: Range<UInt32>, with read: (Range<UInt32>) throws -> Void
  ) throws -> Double {
    let seconds = try timed {
      for first in stride(from: blocks.lowerBound, to: blocks.upperBound, by: Self.runLength) {
        try read(first..<first + UInt32(Self.runLength))
      }
    }
    return Double(blocks.count * FilledStore.blockByteCount) / 1e6 / seconds
  }

  private func readEach(_ blocks: Range<UInt32>) throws {
    var buffer = AlignedBuffer(byteCount: FilledStore.blockByteCount)
    for block in blocks {
      var bytes = buffer.mutableBytes
      try storeReader(block, &bytes)
    }
  }

  private func readTogether(_ blocks: Range<UInt32>) throws {
    var count = 0
    _ = filled.object.read(blocks: Array(blocks)) { _, _ in count += 1 }
    guard count == blocks.count else { throw StageError("blocks \(blocks) are not cached") }
  }

  private func rawReader(runLength: Int) throws -> (Range<UInt32>) throws -> Void {
    let file = RawFile(try FileDescriptor(direct: filled.dataPath, .readOnly))
    return { blocks in
      var buffer = AlignedBuffer(byteCount: runLength * FilledStore.blockByteCount)
      var bytes = buffer.mutableBytes
      let offset = 1 << 20 + UInt64(blocks.lowerBound) * UInt64(FilledStore.blockByteCount)
      guard try file.descriptor.read(into: &bytes, at: offset) == bytes.byteCount else {
        throw StageError("the data file is too short")
      }
    }
  }

  /// The medians of reading half of `blocks` from the store and half raw, in microseconds.
  private func serialLatencies(_ blocks: ArraySlice<UInt32>) throws -> (Double, Double) {
    let readers = [storeReader, try rawReader()]
    var latencies: [[Double]] = [[], []]
    var buffer = AlignedBuffer(byteCount: FilledStore.blockByteCount)
    for (index, block) in blocks.enumerated() {
      var bytes = buffer.mutableBytes
      let start = MonotonicClock.now
      try readers[index % 2](block, &bytes)
      latencies[index % 2].append(Double(MonotonicClock.now - start) / 1000)
    }
    return (latencies[0].median, latencies[1].median)
  }

  private typealias Reader = @Sendable (UInt32, inout MutableRawSpan) throws -> Void

  private var storeReader: Reader {
    { [object = filled.object] block, bytes in
      guard object.read(block: block, into: &bytes) == .hit(validByteCount: bytes.byteCount) else {
        throw StageError("block \(block) is not cached")
      }
    }
  }

  private func rawReader() throws -> Reader {
    let file = RawFile(try FileDescriptor(direct: filled.dataPath, .readOnly))
    return { block, bytes in
      let offset = 1 << 20 + UInt64(block) * UInt64(bytes.byteCount)
      guard try file.descriptor.read(into: &bytes, at: offset) == bytes.byteCount else {
        throw StageError("the data file is too short")
      }
    }
  }

  /// Megabytes a second that 16 threads read of `blocks`, each block once.
  private func throughput(
    _ blocks: ArraySlice<UInt32>, of makeReader: @autoclosure () throws -> Reader
  ) throws -> Double {
    let (blocks, read) = (Array(blocks), try makeReader())
    let next = Counter()
    let failure = Lock<(any Error)?>(nil)
    let seconds = try timed {
      let threads = try (0..<Self.threadCount).map { number throws(SystemError) in
        try Thread(name: "reader-\(number)") {
          var buffer = AlignedBuffer(byteCount: FilledStore.blockByteCount)
          while true {
            let index = next.take()
            guard index < blocks.count else { return }
            var bytes = buffer.mutableBytes
            do {
              try read(blocks[index], &bytes)
            } catch {
              failure.withLock { $0 = error }
              return
            }
          }
        }
      }
      for thread in threads { thread.join() }
    }
    if let error = failure.withLock({ $0 }) { throw error }
    return Double(blocks.count * FilledStore.blockByteCount) / 1e6 / seconds
  }

  /// The median microseconds of reading a few blocks that were read just before.
  private func hitLatency(_ generator: inout SeededGenerator) throws -> Double {
    let (read, warm) = (storeReader, UInt32(512))
    var buffer = AlignedBuffer(byteCount: FilledStore.blockByteCount)
    var latencies: [Double] = []
    let blocks = (0..<Self.hitCount).map { _ in UInt32.random(in: 0..<warm, using: &generator) }
    for block in (0..<warm) + blocks {
      var bytes = buffer.mutableBytes
      let start = MonotonicClock.now
      try read(block, &bytes)
      latencies.append(Double(MonotonicClock.now - start) / 1000)
    }
    return Array(latencies.dropFirst(Int(warm))).median
  }
}

/// Counts up for several threads.
private final class Counter: Sendable {
  private let value = Atomic(0)

  func take() -> Int { value.wrappingAdd(1, ordering: .relaxed).oldValue }
}

/// A descriptor that closures share.
private final class RawFile: Sendable {
  let descriptor: FileDescriptor

  init(_ descriptor: consuming FileDescriptor) {
    self.descriptor = descriptor
  }
}
