internal import Bytes
package import EROFSReader
internal import Linux

/// An image in a local file, read in place: a copy of it in the cache would help nobody.
///
/// Nor would one in the page cache, below those of files: large reads go past it, unless it has most of
/// the image anyway when that is opened.
package final class FileSource: BlockSource {
  /// Below it what the kernel reads ahead saves more time than a copy costs.
  private static let directByteCountMin = 64 << 10

  private let descriptor: FileDescriptor
  /// The same file past the page cache; nil where that is impossible or would not pay.
  private let direct: FileDescriptor?
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
    let cachedByteCount = (try? descriptor.cachedByteCount()) ?? 0
    direct =
      UInt64(cachedByteCount) > byteCount / 2
      ? nil
      // Not by its path, where there may be another file by now.
      : try? FileDescriptor(
        opening: "/proc/self/fd/\(descriptor.rawValue)", [.readOnly, .nonBlocking, .direct])
    self.path = path
  }

  package func read(
    into target: inout MutableRawSpan, at offset: UInt64
  ) throws(SourceError) {
    let wanted = target.byteCount
    guard let range = ByteRange(offset: offset, byteCount: UInt64(wanted)), range.end <= byteCount
    else { throw SourceError(.outOfBounds, "\(path) ends before byte \(offset) + \(wanted)") }
    do throws(SystemError) {
      let count = try readPastCache(into: &target, at: offset)
      var rest = target._mutatingExtracting(count..<wanted)
      guard try count + descriptor.read(into: &rest, at: offset + UInt64(count)) == wanted else {
        throw SystemError(call: "pread", errno: .ioError, subject: "\(path), which became shorter")
      }
    } catch {
      throw SourceError(.ioError, "\(path): \(error)")
    }
  }

  /// Reads the whole pages of `target`; returns how much that came to, which is 0 where it does not pay
  /// or cannot be done.
  private func readPastCache(
    into target: inout MutableRawSpan, at offset: UInt64
  ) throws(SystemError) -> Int {
    let page = AlignedBuffer.alignment
    guard direct != nil, target.byteCount >= Self.directByteCountMin, offset % UInt64(page) == 0,
      target.isAligned(to: page)
    else { return 0 }
    var whole = target._mutatingExtracting(0..<target.byteCount & ~(page - 1))
    do throws(SystemError) {
      return try direct?.read(into: &whole, at: offset) ?? 0
    } catch {
      // Some filesystems take the flag and refuse the call.
      if error.errno == .invalidArgument { return 0 }
      throw error
    }
  }
}
