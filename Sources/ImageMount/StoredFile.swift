internal import EROFS
internal import EROFSReader
internal import PageTier

/// A file of an image, for those who need its pages without fetching them.
final class StoredFile: PageSupplier {
  private let image: Image
  private let inode: Inode

  init(image: Image, inode: Inode) {
    self.image = image
    self.inode = inode
  }

  func supply(into target: inout MutableRawSpan, at offset: UInt64) -> Bool {
    let byteCount = target.byteCount
    guard image.isAtHand(inode, from: offset, byteCount: UInt64(byteCount)) else { return false }
    do throws(ReadError) {
      return try image.read(inode, at: offset, into: &target) == byteCount
    } catch {
      return false
    }
  }

  func noteUse(from offset: UInt64, byteCount: UInt64) {
    image.noteUse(inode, from: offset, byteCount: byteCount)
  }
}
