import Bytes
import EROFS

/// Bytes of the format, made by hand: zeros with fields set at their offsets.
struct FormatBytes {
  var bytes: [UInt8]

  init(count: Int) {
    bytes = [UInt8](repeating: 0, count: count)
  }

  mutating func set<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    var span = bytes.mutableRawSpan
    span.store(value, atByteOffset: offset)
  }

  func setting<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) -> FormatBytes {
    var copy = self
    copy.set(value, at: offset)
    return copy
  }

  /// One block of 4 KiB with a superblock that has few features; fields are relative to it.
  static func superblock(_ change: (inout FormatBytes) -> Void = { _ in }) -> [UInt8] {
    var block = FormatBytes(count: 4096 - 1024)
    block.set(Superblock.magic, at: 0)
    block.set(UInt8(12), at: 12)
    block.set(UInt16(36), at: 14)
    block.set(UInt64(7), at: 16)
    block.set(UInt64(1_700_000_000), at: 24)
    block.set(UInt32(5), at: 32)
    block.set(UInt32(9), at: 36)
    change(&block)
    return [UInt8](repeating: 0, count: 1024) + block.bytes
  }

  static func decodedSuperblock(
    _ change: (inout FormatBytes) -> Void = { _ in }
  ) throws -> Superblock {
    try Superblock(decoding: superblock(change).rawSpan)
  }
}
