internal import BlockStore
internal import Bytes
internal import Linux
internal import TestSupport

/// Durable fills as fast as the store takes them, beside raw writes of the same batches.
///
/// Both files are overwritten in place of new space: a cache that is full recycles its slots. Raw is
/// one write of a batch past the page cache, then `fdatasync`, over and over.
struct Ingest {
  private static let blockCount = 4096
  private static let batchByteCount = 16 << 20
  private static let slotCount = 6144

  private let stores: [FilledStore]
  private let rawPath: String
  private let batch: FrozenBuffer

  init(directory: String) throws {
    rawPath = "\(directory)/raw"
    stores = try StoreConfiguration.IOMode.allCases.map { io in
      try FilledStore(
        in: "\(directory)/\(io.rawValue)", slotCount: Self.slotCount, blockCount: Self.blockCount,
        io: io)
    }
    var generator = SeededGenerator(seed: 4)
    batch = FrozenBuffer(
      copying: generator.bytes(count: Self.batchByteCount).rawSpan, paddedTo: Self.batchByteCount)
    // Every slot once, and every byte of the raw file.
    for store in stores {
      for _ in 0..<2 { try fillAnew(store) }
    }
    try writeRaw(
      FileDescriptor(direct: rawPath, [.writeOnly, .create]),
      byteCount: Self.slotCount * FilledStore.blockByteCount)
  }

  func measure(runCount: Int) throws -> [(Series, Double?)] {
    var rates = try stores.map { store in
      Series(
        "durable ingest, \(try store.modeName())", unit: .megabytesPerSecond,
        otherName: "raw write of 16 MiB and fdatasync, O_DIRECT")
    }
    var batchFlushes = Series("flushes a batch", unit: .flushes)
    var flushes = Series("flushes a GiB", unit: .flushes)
    let byteCount = Self.blockCount * FilledStore.blockByteCount
    for _ in 0..<runCount {
      let raw = try timed {
        try writeRaw(FileDescriptor(direct: rawPath, .writeOnly), byteCount: byteCount)
      }
      for (index, store) in stores.enumerated() {
        rates[index].other.append(Double(byteCount) / 1e6 / raw)
        let (seconds, disk) = try fillAnew(store)
        rates[index].ours.append(Double(byteCount) / 1e6 / seconds)
        // A commit is the flush of its pages and a meta page written through; see LMDB's
        // `Environment`.
        let flushCount = Double(2 * disk.commits + disk.dataSyncs)
        batchFlushes.ours.append(flushCount / Double(disk.dataSyncs))
        flushes.ours.append(flushCount / (Double(byteCount) / Double(1 << 30)))
      }
    }
    return rates.map { ($0, 0.7) } + [(batchFlushes, 3), (flushes, 200)]
  }

  /// Drops all blocks and fills them again; the seconds that filling took, and what was counted.
  @discardableResult
  private func fillAnew(_ filled: FilledStore) throws -> (Double, StoreStatus.Disk) {
    let key = [UInt8]("object".utf8)
    guard filled.store.invalidate(key: key) else { throw StageError("cannot invalidate") }
    let object = try filled.store.bind(
      key: key, coherency: [1], byteCount: filled.object.byteCount)
    var before = filled.store.status()
    while before.blocks.free < before.blocks.total {
      Thread.sleep(milliseconds: 1)
      before = filled.store.status()
    }
    let seconds = try timed { try filled.fill(object) }
    var disk = filled.store.status().disk
    guard disk.filledBlocks - before.disk.filledBlocks == UInt64(Self.blockCount) else {
      throw StageError("the store did not take every block")
    }
    disk.commits -= before.disk.commits
    disk.dataSyncs -= before.disk.dataSyncs
    return (seconds, disk)
  }

  /// Writes `byteCount` bytes in batches, each durable before the next.
  private func writeRaw(_ file: borrowing FileDescriptor, byteCount: Int) throws {
    for offset in stride(from: 0, to: byteCount, by: Self.batchByteCount) {
      try file.write(batch.bytes, at: UInt64(offset))
      try file.syncData()
    }
  }
}
