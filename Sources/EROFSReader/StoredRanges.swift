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
      isAtHand = source.isAtHand(range)
      return isAtHand
    }
    return isKnown && isAtHand
  }

  /// Tells the sources that `byteCount` bytes of `inode` from `offset` on, all within the file, were
  /// used, though somebody else had them in memory.
  package func noteUse(_ inode: Inode, from offset: UInt64, byteCount: UInt64) {
    _ = forEachStoredRange(of: inode, from: offset, byteCount: byteCount) { (source, range) in
      source.noteUse(range)
      return true
    }
  }

  /// Calls `body` with what is stored of a range of `inode`, until it returns false.
  ///
  /// Returns false if some of it could not be told. `isNested` while the inode is one that others are
  /// parts of.
  private func forEachStoredRange(
    of inode: Inode, from offset: UInt64, byteCount: UInt64, isNested: Bool = false,
    _ body: (any BlockSource, ByteRange) -> Bool
  ) -> Bool {
    var position = offset
    var goesOn = true
    for _ in 0..<Self.extentCountMax {
      guard goesOn, position < offset + byteCount else { return true }
      do throws(ReadError) {
        let extent = try extent(of: inode, at: position)
        guard extent.fileEnd > position else { return false }
        // Of what is stored as it is, only the part that is asked for.
        let isWhole = extent.kind != .plain && extent.kind != .fragment
        let start = extent.storedOffset + (isWhole ? 0 : position - extent.fileOffset)
        let count =
          isWhole
          ? extent.storedByteCount : min(extent.fileEnd, offset + byteCount) - position
        switch extent.place {
        case _ where extent.kind == .hole: break
        case .device(let device):
          guard let range = ByteRange(offset: start, byteCount: count) else { return false }
          goesOn = devices.offer(range, of: device, to: body)
        case .metadata(.image):
          guard let range = unitRange(from: start, byteCount: count) else { return false }
          goesOn = devices.offer(range, of: 0, to: body)
        case .metadata(let space):
          guard !isNested, let outer = try node(of: space) else { return false }
          let isKnown = forEachStoredRange(
            of: outer, from: start, byteCount: count, isNested: true
          ) { (source, range) in
            goesOn = body(source, range)
            return goesOn
          }
          guard isKnown else { return false }
        }
        position = extent.fileEnd
      } catch {
        return false
      }
    }
    return false
  }

  /// The units of metadata, as they are read, that hold `byteCount` bytes from `offset` on.
  private func unitRange(from offset: UInt64, byteCount: UInt64) -> ByteRange? {
    let unitByteCount = UInt64(self.unitByteCount)
    let start = offset / unitByteCount * unitByteCount
    guard let wanted = ByteRange(offset: offset, byteCount: byteCount),
      let end = wanted.end.checkedRoundUp(toMultipleOf: unitByteCount)
    else { return nil }
    return ByteRange(offset: start, byteCount: max(wanted.end, min(end, primaryByteCount)) - start)
  }
}
