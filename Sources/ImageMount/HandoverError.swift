internal import EROFS
internal import EROFSReader
package import Linux

/// Why a mount cannot go on from what another process told of it.
package struct HandoverError: Error, Equatable, Sendable, CustomStringConvertible {
  package enum Code: Equatable, Sendable {
    /// The bytes are no table of this kind, or one of another version.
    case malformed
    /// The table ends before its last record.
    case truncated
    /// What the number stands for is there twice.
    case duplicate
    /// There are not as many images.
    case unknownImage
    /// The image has no such file, or one of another size, or does not say; the number is its nid.
    case unknownFile
    /// Nothing is known of the node that a file is read through.
    case unknownNode
    case system(Errno)
  }

  package let code: Code
  /// Of what is at fault; 0 when that has none.
  package let number: UInt64

  init(_ code: Code, number: UInt64 = 0) {
    self.code = code
    self.number = number
  }

  package var description: String {
    switch code {
    case .malformed: "no table of a mount that is handed over"
    case .truncated: "the table of a mount that is handed over is cut short"
    case .duplicate: "\(number) is handed over twice"
    case .unknownImage: "there is no image \(number)"
    case .unknownFile: "the image has no file \(number) like the one that was handed over"
    case .unknownNode: "there is no node \(number) for a file that was handed over"
    case .system(let errno): "handing over: \(errno)"
    }
  }
}

extension Image {
  /// The regular file `nid`, which another process had open, of `byteCount` bytes; nil when that cannot
  /// be found out for the moment.
  func adoptedFile(_ nid: UInt64, byteCount: UInt64) throws(HandoverError) -> Inode? {
    do throws(ReadError) {
      let inode = try inode(nid)
      if inode.fileType == .regular, inode.byteCount == byteCount, byteCount > 0 { return inode }
    } catch {
      if case .source = error { return nil }
    }
    throw HandoverError(.unknownFile, number: nid)
  }
}
