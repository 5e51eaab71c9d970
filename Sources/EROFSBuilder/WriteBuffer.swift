internal import Bytes
internal import Linux

/// Gathers writes that mostly go forward into few calls.
///
/// What is between the first byte that is put and the last is zeros, or what the file had there,
/// unless it is put. Nothing may be put twice.
struct WriteBuffer {
  private static let byteCountLimit = 1 << 20
  /// A longer gap is not worth filling with zeros.
  private static let gapByteCountLimit: UInt64 = 64 << 10

  /// Where `bytes` belong; nothing was put behind their end yet.
  private var start: UInt64 = 0
  private var bytes: [UInt8] = []

  private var end: UInt64 { start + UInt64(bytes.count) }

  /// Puts `source` at `offset` of `file`, now or later.
  mutating func put(
    _ source: [UInt8], at offset: UInt64, to file: borrowing FileDescriptor
  ) throws(SystemError) {
    if offset < start { return try file.write(source.rawSpan, at: offset) }
    if offset >= end {
      if offset - end > Self.gapByteCountLimit || bytes.count > Self.byteCountLimit {
        try flush(to: file)
      }
      if bytes.isEmpty { start = offset }
      bytes.append(contentsOf: repeatElement(0, count: Int(offset - end)))
      bytes.append(contentsOf: source)
      return
    }
    let position = Int(offset - start)
    let excess = position + source.count - bytes.count
    if excess > 0 { bytes.append(contentsOf: repeatElement(0, count: excess)) }
    bytes.replaceSubrange(position..<position + source.count, with: source)
  }

  /// Writes what is left.
  mutating func flush(to file: borrowing FileDescriptor) throws(SystemError) {
    try file.write(bytes.rawSpan, at: start)
    start = end
    bytes.removeAll(keepingCapacity: true)
  }
}
