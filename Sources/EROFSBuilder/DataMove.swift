internal import Bytes
internal import Linux

/// Moves the data of an image to where the metadata turned out to end.
///
/// The size of the metadata depends on how well contents compress, and is only guessed before they
/// are written.
struct DataMove {
  private static let pieceByteCount: UInt64 = 4 << 20

  let source: UInt64
  let target: UInt64
  let byteCount: UInt64

  init(from source: UInt64, to target: UInt64, byteCount: UInt64) {
    self.source = source
    self.target = target
    self.byteCount = byteCount
  }

  /// Moves the bytes within `file`, and makes the file end where they end.
  func run(in file: borrowing FileDescriptor) throws(BuildError) {
    do throws(SystemError) {
      if source != target { try move(in: file) }
      try file.truncate(toByteCount: target + byteCount)
      if target > source {
        try zero(source..<min(target, source + byteCount), in: file)
      }
    } catch {
      throw .output(error)
    }
  }

  private func move(in file: borrowing FileDescriptor) throws(SystemError) {
    var buffer = [UInt8](repeating: 0, count: Int(min(Self.pieceByteCount, byteCount)))
    var moved: UInt64 = 0
    while moved < byteCount {
      let count = min(Self.pieceByteCount, byteCount - moved)
      // What is not moved yet must not be overwritten.
      let offset = target < source ? moved : byteCount - moved - count
      var span = buffer.mutableRawSpan
      var part = span[bytes: 0..<Int(count)]
      _ = try file.read(into: &part, at: source + offset)
      try file.write(buffer.rawSpan.extracting(0..<Int(count)), at: target + offset)
      moved += count
    }
  }

  /// Metadata is written with gaps, which are to be zeros.
  private func zero(
    _ range: Range<UInt64>, in file: borrowing FileDescriptor
  ) throws(SystemError) {
    let zeros = [UInt8](repeating: 0, count: Int(min(UInt64(range.count), Self.pieceByteCount)))
    var offset = range.lowerBound
    while offset < range.upperBound {
      let count = Int(min(UInt64(zeros.count), range.upperBound - offset))
      try file.write(zeros.rawSpan.extracting(0..<count), at: offset)
      offset += UInt64(count)
    }
  }
}
