internal import Bytes
package import EROFS

extension Image {
  /// Extents that are looked at for one range of a file: of compressed files, some megabytes.
  private static let extentCountMax = 256

  /// Whether `byteCount` bytes of `inode` from `offset` on, all within the file, can be read without
  /// fetching anything.
  ///
  /// False too where that would take long to find out, or the image is damaged.
  package func isAtHand(_ inode: Inode, from offset: UInt64, byteCount: UInt64) -> Bool {
    var isAtHand = true
    let isKnown = forEachStoredRange(of: inode, from: offset, byteCount: byteCount) {
      (source, range) in
      // What is among the metadata may have to be fetched.
      isAtHand = source?.isAtHand(range) ?? false
      return isAtHand
    }
    return isKnown && isAtHand
  }

  /// Tells the sources that `byteCount` bytes of `inode` from `offset` on, all within the file, were
  /// used, though somebody else had them in memory.
  package func noteUse(_ inode: Inode, from offset: UInt64, byteCount: UInt64) {
    _ = forEachStoredRange(of: inode, from: offset, byteCount: byteCount) { (source, range) in
      source?.noteUse(range)
      return true
    }
  }

  /// Calls `body` with what is stored of a range of `inode`, until it returns false; without a source
  /// for what is among the metadata.
  ///
  /// Returns false if some of it could not be told.
  private func forEachStoredRange(
    of inode: Inode, from offset: UInt64, byteCount: UInt64,
    _ body: ((any BlockSource)?, ByteRange) -> Bool
  ) -> Bool {
    var position = offset
    for _ in 0..<Self.extentCountMax {
      guard position < offset + byteCount else { return true }
      do throws(ReadError) {
        let extent = try extent(of: inode, at: position)
        if case .metadata = extent.place, extent.kind != .hole,
          let range = ByteRange(offset: extent.storedOffset, byteCount: extent.storedByteCount),
          !body(nil, range)
        {
          return true
        }
        if extent.kind != .hole, case .device(let device) = extent.place {
          // Of a long run of plain data only the part that is asked for.
          let isPlain = extent.kind == .plain
          let skipped = isPlain ? position - extent.fileOffset : 0
          let count =
            isPlain
            ? min(extent.fileEnd, offset + byteCount) - position : extent.storedByteCount
          guard let range = ByteRange(offset: extent.storedOffset + skipped, byteCount: count),
            devices.offer(range, of: device, to: body)
          else { return true }
        }
        guard extent.fileEnd > position else { return false }
        position = extent.fileEnd
      } catch {
        return false
      }
    }
    return false
  }
}
