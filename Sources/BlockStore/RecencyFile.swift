internal import Bytes
internal import Linux

/// `recency`: which blocks were hot when the cache was last closed.
///
/// A hint and nothing more: any doubt about it, and the blocks are ordered by age instead.
///
/// | Offset | Size | Field  |                                                  |
/// |-------:|-----:|--------|--------------------------------------------------|
/// |      0 |    8 | magic  | `CULLETRC`                                       |
/// |      8 |    8 | serial | of the superblock that was written with it       |
/// |     16 |  8 n | blocks | coldest first: slot:31, protected:1, last use:32 |
/// | 16+8 n |    8 | check  | XXH64 of the bytes before it                     |
struct RecencyFile {
  struct Entry: Equatable {
    var slot: UInt32
    var isProtected: Bool
    /// Seconds since 1970.
    var lastUse: UInt32
  }

  private static let magic: UInt64 = 0x4352_5445_4C4C_5543

  /// The entries that were saved under `serial`; empty when there are none to be trusted.
  static func read(from path: String, serial: UInt64) -> [Entry] {
    guard let file = try? FileDescriptor(opening: path, [.readOnly, .noFollow]),
      let status = try? file.status(), let byteCount = Int(exactly: status.byteCount),
      byteCount >= 24, byteCount % 8 == 0, byteCount <= 24 + 8 * StoreConfiguration.slotCountMax,
      let bytes = try? file.read(byteCount: byteCount, at: 0), bytes.count == byteCount
    else { return [] }
    let span = bytes.rawSpan
    guard span.load(fromByteOffset: 0, as: UInt64.self) == magic,
      span.load(fromByteOffset: 8, as: UInt64.self) == serial,
      span.load(fromByteOffset: byteCount - 8, as: UInt64.self)
        == XXH64.hash(span.extracting(0..<byteCount - 8))
    else { return [] }
    return stride(from: 16, to: byteCount - 8, by: 8).map { offset in
      let slot = span.load(fromByteOffset: offset, as: UInt32.self)
      return Entry(
        slot: slot & 0x7FFF_FFFF, isProtected: slot >> 31 != 0,
        lastUse: span.load(fromByteOffset: offset + 4))
    }
  }

  /// Saves `entries` under `serial`.
  static func write(_ entries: [Entry], to path: String, serial: UInt64) throws(SystemError) {
    var writer = ByteWriter(reservingCapacity: 24 + 8 * entries.count)
    writer.append(magic)
    writer.append(serial)
    for entry in entries {
      writer.append(entry.slot | (entry.isProtected ? 0x8000_0000 : 0))
      writer.append(entry.lastUse)
    }
    writer.append(XXH64.hash(writer.bytes.rawSpan))
    let file = try FileDescriptor(
      opening: path, [.writeOnly, .create, .truncate, .noFollow], mode: 0o600)
    try file.write(writer.bytes.rawSpan)
    try file.syncData()
  }
}
