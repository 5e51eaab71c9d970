internal import Bytes
internal import Linux

/// Where contents go that can be read only once: those of compressed archives and of pipes.
///
/// A file without a name, made when it is first needed, so that memory does not grow with contents.
package final class ArchiveSpool: @unchecked Sendable {
  private let directory: String
  // Trees are read by one thread; what was written is read by any.
  private var file: ArchiveFile?
  /// Where the next bytes go.
  package private(set) var endOffset: UInt64 = 0

  /// A spool whose file is in `directory`.
  package init(in directory: String) {
    self.directory = directory
  }

  /// The spool's file.
  func archive() throws(TreeSourceError) -> ArchiveFile {
    if let file { return file }
    do throws(SystemError) {
      let made = ArchiveFile(try FileDescriptor(unnamedIn: directory), name: directory)
      file = made
      return made
    } catch {
      throw TreeSourceError(.system(error.errno), directory)
    }
  }

  /// Keeps `bytes`; returns where they are in the file.
  @discardableResult
  package func append(_ bytes: RawSpan) throws(TreeSourceError) -> UInt64 {
    let archive = try archive()
    let offset = endOffset
    do throws(SystemError) {
      try archive.descriptor.write(bytes, at: offset)
    } catch {
      throw TreeSourceError(.system(error.errno), directory)
    }
    endOffset += UInt64(bytes.byteCount)
    return offset
  }

  /// All that was kept from `start` on, as a file.
  package func content(from start: UInt64) throws(TreeSourceError) -> FileContent {
    let byteCount = endOffset - start
    let piece = FileContent.Piece(fileOffset: 0, storedOffset: start, byteCount: byteCount)
    return FileContent(pieces: [piece], of: try archive(), byteCount: byteCount)
  }
}
