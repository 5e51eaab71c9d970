package import Bytes
internal import Codecs
package import EROFS
package import EROFSReader

/// What a regular file holds, read from end to end in pieces of up to 1 MiB.
///
/// Not thread-safe.
package struct FilePieces: ~Copyable {
  /// Large enough that a remote file is had in few requests.
  private static let pieceByteCount = 1 << 20

  private let inode: Inode
  private let image: Image
  private var buffer: [UInt8]
  private var offset: UInt64 = 0

  package init(of inode: Inode, in image: Image) {
    self.inode = inode
    self.image = image
    buffer = [UInt8](
      repeating: 0, count: Int(min(UInt64(Self.pieceByteCount), inode.byteCount)))
  }

  /// Reads the next piece, which stays valid until the call after; nil at the end of the file.
  @_lifetime(&self)
  package mutating func next() throws(ReadError) -> RawSpan? {
    guard offset < inode.byteCount else { return nil }
    let (image, inode, start) = (image, inode, offset)
    var target = buffer.mutableRawSpan
    let count = try image.read(inode, at: start, into: &target)
    guard count > 0 else { return nil }
    offset += UInt64(count)
    return buffer.rawSpan.extracting(0..<count)
  }
}

extension Image {
  /// The SHA-256 of all that the regular file `inode` holds.
  package func contentDigest(of inode: Inode) throws(ReadError) -> Digest {
    var hash = SHA256()
    var pieces = FilePieces(of: inode, in: self)
    while let piece = try pieces.next() { hash.update(piece) }
    return hash.finish()
  }
}
