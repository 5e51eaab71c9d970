internal import Bytes
internal import HTTPSyntax
internal import Linux
internal import NIOCore

/// An open file whose bytes and validators belong together.
///
/// The validators are those of the open file, so a file replaced by another keeps being served
/// whole; one that is written in place is noticed by ``read(byteCount:at:)``.
final class ServedFile: Sendable {
  /// The most of a body that is in memory at once.
  static let pieceByteCount = 131_072

  private let descriptor: Linux.FileDescriptor
  private let status: FileStatus

  /// Takes the descriptor over; nil when it is not a regular file's.
  init?(_ descriptor: consuming Linux.FileDescriptor) throws(SystemError) {
    status = try descriptor.status()
    self.descriptor = descriptor
    guard status.isRegular else { return nil }
  }

  var byteCount: UInt64 { status.byteCount }

  /// Strong: any write changes the time, and another file has another inode.
  var entityTag: String {
    let parts = [status.inode, status.byteCount, UInt64(bitPattern: status.modifiedAt)]
    return "\"" + parts.map { String($0, radix: 16) }.joined(separator: "-") + "\""
  }

  var lastModified: HTTPDate {
    HTTPDate(secondsSinceEpoch: status.modifiedAt / 1_000_000_000)
  }

  /// The bytes at `offset`, `byteCount` of them, or nil when the validators no longer hold.
  ///
  /// Blocks, so it is not for the threads of tasks.
  func read(byteCount: Int, at offset: UInt64) -> ByteBuffer? {
    guard let bytes = try? descriptor.read(byteCount: byteCount, at: offset),
      bytes.count == byteCount, (try? descriptor.status()) == status
    else { return nil }
    return ByteBuffer(bytes: bytes)
  }
}
