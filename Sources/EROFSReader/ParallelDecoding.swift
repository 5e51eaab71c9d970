internal import Bytes
internal import EROFS
internal import Linux

/// Decoding of large reads by several threads.
extension Image {
  /// Below this many decoded bytes it takes less time to decode than to wake another thread.
  private static let sharedByteCountMinimum: UInt64 = 128 << 10

  /// How many of `extents`, which follow each other, are decoded together: those that end by `end`,
  /// when that are several, and together large enough.
  func sharedExtentCount(of extents: ArraySlice<Extent>, upTo end: UInt64) -> Int {
    guard decodingCrew != nil, let start = extents.first?.fileOffset else { return 0 }
    let whole = extents.prefix { $0.fileEnd <= end }
    guard whole.count > 1, let wholeEnd = whole.last?.fileEnd,
      wholeEnd - start >= Self.sharedByteCountMinimum
    else { return 0 }
    return whole.count
  }

  /// Decodes all of `extents`, whose stored forms are one behind the other in `stored`, into
  /// `target`, which is as long as they are.
  func decodeTogether(
    _ extents: ArraySlice<Extent>, _ stored: RawSpan, of inode: Inode,
    into target: inout MutableRawSpan
  ) throws(ReadError) {
    guard let first = extents.first, let crew = decodingCrew else { return }
    // That of the extent closest to the start, so that it does not depend on the threads.
    let failure = Lock<(position: Int, error: ReadError)?>(nil)
    unsafe stored.withUnsafeBytes { storedBytes in
      unsafe target.withUnsafeMutableBytes { targetBytes in
        // Each piece reads its own part of one and fills its own part of the other, and the crew is
        // done with all of them when the call returns.
        nonisolated(unsafe) let (source, output) = unsafe (storedBytes, targetBytes)
        crew.perform(pieceCount: extents.count) { piece in
          let position = extents.startIndex + piece
          let extent = extents[position]
          let from = Int(extent.storedOffset - first.storedOffset)
          let to = Int(extent.fileOffset - first.fileOffset)
          let payload = unsafe RawSpan(_unsafeBytes: source).extracting(
            from..<from + Int(extent.storedByteCount))
          var whole = unsafe MutableRawSpan(_unsafeBytes: output)
          var part = whole[bytes: to..<to + Int(extent.byteCount)]
          do throws(ReadError) {
            try self.decode(payload, extent, of: inode, into: &part)
          } catch {
            failure.withLock { known in
              if position < known?.position ?? .max { known = (position, error) }
            }
          }
        }
      }
    }
    if let error = failure.withLock({ $0?.error }) { throw error }
  }
}
