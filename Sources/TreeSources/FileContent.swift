package import Bytes
internal import Codecs
internal import Linux

/// What a regular file holds, to be read when it is needed.
package struct FileContent: Sendable {
  /// A run of bytes that is stored; what no piece covers is zeros.
  package struct Piece: Hashable, Sendable {
    /// Where the run is in the file.
    package var fileOffset: UInt64
    /// Where it is in the archive.
    package var storedOffset: UInt64
    package var byteCount: UInt64

    package init(fileOffset: UInt64, storedOffset: UInt64, byteCount: UInt64) {
      self.fileOffset = fileOffset
      self.storedOffset = storedOffset
      self.byteCount = byteCount
    }

    var fileEnd: UInt64 { fileOffset + byteCount }
  }

  enum Place: Sendable {
    /// A file of its own.
    case file(FileName, in: SourceDirectory)
    /// Parts of an archive, in order of the file.
    case pieces([Piece], of: ArchiveFile)
  }

  package let byteCount: UInt64
  let place: Place

  /// The content of the file at `path` in `directory`, which had `byteCount` bytes.
  init(file path: FileName, in directory: SourceDirectory, byteCount: UInt64) {
    self.byteCount = byteCount
    place = .file(path, in: directory)
  }

  /// `byteCount` bytes that `pieces` of `archive` are, in order.
  package init(pieces: [Piece], of archive: ArchiveFile, byteCount: UInt64) {
    self.byteCount = byteCount
    place = .pieces(pieces, of: archive)
  }

  /// All of `archive`, which has `byteCount` bytes.
  init(all archive: ArchiveFile, byteCount: UInt64) {
    self.init(
      pieces: [Piece(fileOffset: 0, storedOffset: 0, byteCount: byteCount)], of: archive,
      byteCount: byteCount)
  }

  /// Where the bytes of `range` are stored: pieces that count from its start, and their archive.
  ///
  /// Nil when the content is no part of an archive.
  func pieces(in range: Range<UInt64>) -> (pieces: [Piece], archive: ArchiveFile)? {
    guard case .pieces(let pieces, let archive) = place else { return nil }
    let parts = pieces.from(range.lowerBound).prefix { $0.fileOffset < range.upperBound }
      .map { piece in
        let start = max(piece.fileOffset, range.lowerBound)
        let end = min(piece.fileEnd, range.upperBound)
        return Piece(
          fileOffset: start - range.lowerBound,
          storedOffset: piece.storedOffset + (start - piece.fileOffset), byteCount: end - start)
      }
    return (parts, archive)
  }

  /// The SHA-256 of all of it.
  package func digest() throws(TreeSourceError) -> Digest {
    let reader = try open()
    var hash = SHA256()
    var buffer = [UInt8](repeating: 0, count: Int(min(Self.digestByteCount, byteCount)))
    var offset: UInt64 = 0
    while offset < byteCount {
      let count = Int(min(UInt64(buffer.count), byteCount - offset))
      var span = buffer.mutableRawSpan
      var target = span[bytes: 0..<count]
      try reader.read(into: &target, at: offset)
      hash.update(buffer.rawSpan.extracting(0..<count))
      offset += UInt64(count)
    }
    return hash.finish()
  }

  /// How much is hashed in one go.
  private static let digestByteCount: UInt64 = 1 << 20

  /// Makes the content ready for reading.
  package func open() throws(TreeSourceError) -> ContentReader {
    try ContentReader(self)
  }
}

/// An open archive that files are parts of; safe to read from any thread.
package final class ArchiveFile: Sendable {
  let descriptor: FileDescriptor
  let name: String

  init(_ descriptor: consuming FileDescriptor, name: String) {
    self.descriptor = descriptor
    self.name = name
  }
}

/// One regular file, open for reading; for one thread.
package struct ContentReader: ~Copyable {
  private let content: FileContent
  private let file: FileDescriptor?

  init(_ content: FileContent) throws(TreeSourceError) {
    self.content = content
    guard case .file(let path, let directory) = content.place else {
      file = nil
      return
    }
    file = try directory.open(path)
  }

  /// Fills all of `target` from `offset`; a file that became shorter is an error.
  package func read(into target: inout MutableRawSpan, at offset: UInt64) throws(TreeSourceError) {
    switch content.place {
    case .file(let path, let directory):
      try read(into: &target, at: offset, from: file, path, in: directory)
    case .pieces(let pieces, let archive):
      try read(into: &target, at: offset, pieces, of: archive)
    }
  }

  private func read(
    into target: inout MutableRawSpan, at offset: UInt64, from file: borrowing FileDescriptor?,
    _ path: FileName, in directory: SourceDirectory
  ) throws(TreeSourceError) {
    let wanted = target.byteCount
    let count: Int
    do throws(SystemError) {
      count = try file?.read(into: &target, at: offset) ?? 0
    } catch {
      throw directory.error(.system(error.errno), path)
    }
    guard count == wanted else { throw directory.error(.changed, path) }
  }

  private func read(
    into target: inout MutableRawSpan, at offset: UInt64, _ pieces: [FileContent.Piece],
    of archive: ArchiveFile
  ) throws(TreeSourceError) {
    let end = offset + UInt64(target.byteCount)
    var position = offset
    for piece in pieces.from(offset) {
      guard piece.fileOffset < end else { break }
      let start = max(piece.fileOffset, offset)
      let stop = min(piece.fileEnd, end)
      target.zero(Int(position - offset)..<Int(start - offset))
      var part = target[bytes: Int(start - offset)..<Int(stop - offset)]
      let count: Int
      do throws(SystemError) {
        count = try archive.descriptor.read(
          into: &part, at: piece.storedOffset + (start - piece.fileOffset))
      } catch {
        throw TreeSourceError(.system(error.errno), archive.name)
      }
      guard count == Int(stop - start) else { throw TreeSourceError(.changed, archive.name) }
      position = stop
    }
    target.zero(Int(position - offset)..<target.byteCount)
  }
}

extension [FileContent.Piece] {
  /// The pieces, which are in order, that end behind `offset`; found by halving, for there may be
  /// as many as an archive likes.
  fileprivate func from(_ offset: UInt64) -> ArraySlice<FileContent.Piece> {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle].fileEnd > offset { high = middle } else { low = middle + 1 }
    }
    return self[low...]
  }
}
