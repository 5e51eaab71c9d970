internal import Bytes
internal import Linux

/// `recency`: which blocks were hot when the cache was closed, or a few minutes ago.
///
/// A hint and nothing more: any doubt about it, and the blocks are ordered by age instead.
///
/// | Offset | Size | Field    |                                                          |
/// |-------:|-----:|----------|----------------------------------------------------------|
/// |      0 |    8 | magic    | `CULLETR2`                                               |
/// |      8 |    8 | serial   | of the superblock at that time                           |
/// |     16 |    8 | sequence | the last one at that time; later blocks are not in here  |
/// |     24 |  8 n | blocks   | coldest first: slot:31, protected:1, last use:32         |
/// | 24+8 n |    8 | check    | XXH64 of the bytes before it                             |
struct RecencyFile: Sendable {
  struct Entry: Equatable {
    var slot: UInt32
    var isProtected: Bool
    /// Seconds since 1970.
    var lastUse: UInt32
  }

  private static let magic: UInt64 = 0x3252_5445_4C4C_5543
  private static let headerByteCount = 24

  var serial: UInt64
  var lastSequence: UInt64
  /// Coldest first.
  var entries: [Entry]

  /// What was saved for a cache whose newest superblock has `serial`; nil when there is nothing to
  /// be trusted.
  ///
  /// One serial of difference is what a crash leaves that comes between writing the one and the
  /// other: at a clean close, or in the first minutes after opening.
  static func read(from path: String, serial: UInt64) -> RecencyFile? {
    let byteCountMax = headerByteCount + 8 + 8 * StoreConfiguration.slotCountMax
    guard let file = try? FileDescriptor(opening: path, [.readOnly, .noFollow]),
      let status = try? file.status(), let byteCount = Int(exactly: status.byteCount),
      byteCount >= headerByteCount + 8, byteCount % 8 == 0, byteCount <= byteCountMax,
      let bytes = try? file.read(byteCount: byteCount, at: 0), bytes.count == byteCount
    else { return nil }
    let span = bytes.rawSpan
    let savedSerial = span.load(fromByteOffset: 8, as: UInt64.self)
    guard span.load(fromByteOffset: 0, as: UInt64.self) == magic,
      max(savedSerial, serial) - min(savedSerial, serial) <= 1,
      span.load(fromByteOffset: byteCount - 8, as: UInt64.self)
        == XXH64.hash(span.extracting(0..<byteCount - 8))
    else { return nil }
    let entries = stride(from: headerByteCount, to: byteCount - 8, by: 8).map { offset in
      let slot = span.load(fromByteOffset: offset, as: UInt32.self)
      return Entry(
        slot: slot & 0x7FFF_FFFF, isProtected: slot >> 31 != 0,
        lastUse: span.load(fromByteOffset: offset + 4))
    }
    return RecencyFile(
      serial: savedSerial, lastSequence: span.load(fromByteOffset: 16), entries: entries)
  }

  /// Saves `content` in place of what was saved before, durably and all or nothing.
  static func write(_ content: RecencyFile, to path: String) throws(SystemError) {
    var writer = ByteWriter(
      reservingCapacity: headerByteCount + 8 + 8 * content.entries.count)
    writer.append(magic)
    writer.append(content.serial)
    writer.append(content.lastSequence)
    for entry in content.entries {
      writer.append(entry.slot | (entry.isProtected ? 0x8000_0000 : 0))
      writer.append(entry.lastUse)
    }
    writer.append(XXH64.hash(writer.bytes.rawSpan))
    try Paths.replaceFile(path, with: writer.bytes.rawSpan)
  }
}
