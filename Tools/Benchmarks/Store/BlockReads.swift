internal import BlockStore
internal import Bytes
internal import Linux
internal import Synchronization
internal import TestSupport

/// Reads of random blocks from disk beside raw reads of the same file, and hits in the page cache.
///
/// Raw is `pread` past the page cache, at the places of slots. Ours and raw never read the same
/// block in a run, so that neither warms a cache below for the other; at depth 1 they take turns.
struct BlockReads {
  private static let blockCount = 6144
  private static let serialCount = 1024
  private static let parallelCount = 2048
  private static let threadCount = 16
  private static let hitCount = 20_000

  private let filled: FilledStore

  init(directory: String) throws {
    filled = try FilledStore(
      in: "\(directory)/cache", slotCount: Self.blockCount * 7 / 6, blockCount: Self.blockCount)
    try filled.fill(filled.object)
  }

  func measure(runCount: Int) throws -> [(Series, Double?)] {
    let isDirect = try filled.isDirect()
    let mode = isDirect ? "O_DIRECT" : "page cache dropped"
    var serial = Series(
      "64 KiB from disk, \(mode), depth 1", unit: .microseconds, otherName: "raw pread, O_DIRECT")
    var parallel = Series(
      "64 KiB from disk, \(mode), 16 readers", unit: .megabytesPerSecond,
      otherName: "raw pread, O_DIRECT")
    var hits = Series("64 KiB hit in the page cache", unit: .microseconds)
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<runCount {
      try dropPages(of: filled.dataPath)
      let blocks = (0..<UInt32(Self.blockCount)).shuffled(using: &generator)
      let (ours, raw) = try serialLatencies(blocks.prefix(2 * Self.serialCount))
      serial.ours.append(ours)
      serial.other.append(raw)
      let rest = blocks.dropFirst(2 * Self.serialCount)
      parallel.other.append(
        try throughput(rest.prefix(Self.parallelCount), of: rawReader()))
      parallel.ours.append(
        try throughput(rest.dropFirst(Self.parallelCount), of: storeReader))
      if !isDirect { hits.ours.append(try hitLatency(&generator)) }
    }
    var measured: [(Series, Double?)] = [(serial, 1 / 1.15), (parallel, 0.9)]
    if !isDirect { measured.append((hits, 12)) }
    return measured
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

  /// The median microseconds of a hit, with a few blocks in the page cache.
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
