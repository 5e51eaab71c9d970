internal import Bytes
package import EROFSReader
internal import Linux

/// An image in a local file, read in place: a copy of it in the cache would help nobody.
package final class FileSource: BlockSource {
  private let descriptor: FileDescriptor
  private let path: String
  package let byteCount: UInt64

  /// Opens the regular file or block device at `path`.
  package init(path: String) throws(Failure) {
    do throws(SystemError) {
      descriptor = try FileDescriptor(opening: path, [.readOnly, .nonBlocking])
      byteCount = try descriptor.readableByteCount()
    } catch {
      throw Failure(Failure(error).status, "\(path): \(error.errno)")
    }
    self.path = path
  }

  package func read(
    into target: inout MutableRawSpan, at offset: UInt64
  ) throws(SourceError) {
    let wanted = target.byteCount
    guard let range = ByteRange(offset: offset, byteCount: UInt64(wanted)), range.end <= byteCount
    else { throw SourceError(.outOfBounds, "\(path) ends before byte \(offset) + \(wanted)") }
    do throws(SystemError) {
      let count = try descriptor.read(into: &target, at: offset)
      guard count == wanted else {
        throw SystemError(call: "pread", errno: .ioError, subject: "\(path), which became shorter")
      }
    } catch {
      throw SourceError(.ioError, "\(path): \(error)")
    }
  }
}
