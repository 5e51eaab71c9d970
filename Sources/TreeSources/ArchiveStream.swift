internal import Bytes
internal import Codecs
internal import Linux

/// The bytes of an archive from its first to its last, decompressed where it is compressed.
struct ArchiveStream: ~Copyable {
  private static let bufferByteCount = 256 << 10

  /// Where the archive's own bytes come from.
  private enum Source {
    /// A pipe or the like, read from where it stands.
    case pipe(ArchiveFile)
    /// Anything that can be read anywhere.
    case content(FileContent)
  }

  let name: String
  private let source: Source
  private var decoder: StreamDecoder?
  /// What was read and not used, from `start` to `end`.
  private var buffer = [UInt8](repeating: 0, count: bufferByteCount)
  private var start = 0
  private var end = 0
  private var sourceOffset: UInt64 = 0
  private var isSourceAtEnd = false
  /// Bytes handed over so far.
  private(set) var position: UInt64 = 0

  /// The archive that `content` is; its compression is told by its first bytes.
  init(_ content: FileContent, name: String) throws(TreeSourceError) {
    self.name = name
    source = .content(content)
    try detect()
  }

  /// The archive that arrives on `pipe`.
  init(pipe: consuming FileDescriptor, name: String) throws(TreeSourceError) {
    self.name = name
    source = .pipe(ArchiveFile(pipe, name: name))
    try detect()
  }

  private mutating func detect() throws(TreeSourceError) {
    try fill()
    guard let format = StreamDecoder.Format(magicIn: buffer.rawSpan.extracting(start..<end)) else {
      return
    }
    do throws(CodecError) {
      decoder = try StreamDecoder(format)
    } catch {
      throw TreeSourceError(.system(.outOfMemory), name)
    }
  }

  /// Where the next `byteCount` bytes are stored as they are; nil when they are stored nowhere.
  func stored(
    _ byteCount: UInt64
  ) throws(TreeSourceError) -> (pieces: [FileContent.Piece], archive: ArchiveFile)? {
    guard decoder == nil, case .content(let content) = source else { return nil }
    return content.pieces(in: position..<(try end(of: byteCount, in: content)))
  }

  /// Where the next `byteCount` bytes end in `content`, which may be shorter than it claims.
  private func end(
    of byteCount: UInt64, in content: FileContent
  ) throws(TreeSourceError) -> UInt64 {
    let (end, overflow) = position.addingReportingOverflow(byteCount)
    guard !overflow, end <= content.byteCount else {
      throw TreeSourceError(.malformed("the archive ends too early"), name)
    }
    return end
  }

  /// Fills `target`; returns fewer bytes only at the end.
  mutating func read(into target: inout MutableRawSpan) throws(TreeSourceError) -> Int {
    var done = 0
    while done < target.byteCount {
      if start == end { try fill() }
      var part = target[bytes: done..<target.byteCount]
      let count = try decoder == nil ? copy(into: &part) : decode(into: &part)
      if count == 0, isSourceAtEnd, start == end { break }
      done += count
    }
    position += UInt64(done)
    return done
  }

  /// The next `byteCount` bytes; an archive that ends before is malformed.
  mutating func read(_ byteCount: Int) throws(TreeSourceError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: byteCount)
    var span = bytes.mutableRawSpan
    guard try read(into: &span) == byteCount else {
      throw TreeSourceError(.malformed("the archive ends too early"), name)
    }
    return bytes
  }

  /// Passes over `byteCount` bytes.
  mutating func skip(_ byteCount: UInt64) throws(TreeSourceError) {
    if decoder == nil, case .content(let content) = source {
      position = try end(of: byteCount, in: content)
      sourceOffset = position
      (start, end, isSourceAtEnd) = (0, 0, false)
      return
    }
    var rest = byteCount
    while rest > 0 {
      rest -= UInt64(try read(Int(min(rest, UInt64(Self.bufferByteCount)))).count)
    }
  }

  private mutating func copy(into target: inout MutableRawSpan) -> Int {
    let count = min(target.byteCount, end - start)
    target.copy(buffer.rawSpan.extracting(start..<start + count))
    start += count
    return count
  }

  private mutating func decode(into target: inout MutableRawSpan) throws(TreeSourceError) -> Int {
    var buffer: [UInt8] = []
    swap(&buffer, &self.buffer)
    defer { swap(&buffer, &self.buffer) }
    let used: (consumed: Int, produced: Int)?
    do throws(CodecError) {
      used = try decoder?.decode(
        buffer.rawSpan.extracting(start..<end), into: &target, isLast: isSourceAtEnd)
    } catch {
      throw TreeSourceError(.malformed("\(error)"), name)
    }
    guard let used else { return 0 }
    start += used.consumed
    let isStuck = used.produced == 0 && isSourceAtEnd && start == end
    if isStuck, decoder?.isAtEnd == false {
      throw TreeSourceError(.malformed("the compressed archive ends too early"), name)
    }
    return used.produced
  }

  /// Reads more of the archive; all that was read before is used.
  private mutating func fill() throws(TreeSourceError) {
    var buffer: [UInt8] = []
    swap(&buffer, &self.buffer)
    defer { swap(&buffer, &self.buffer) }
    var count = 0
    switch source {
    case .content(let content):
      count = Int(min(UInt64(Self.bufferByteCount), content.byteCount - sourceOffset))
      var span = buffer.mutableRawSpan
      var target = span[bytes: 0..<count]
      try content.open().read(into: &target, at: sourceOffset)
    case .pipe(let file):
      var span = buffer.mutableRawSpan
      do throws(SystemError) {
        count = try file.descriptor.read(into: &span)
      } catch {
        throw TreeSourceError(.system(error.errno), name)
      }
    }
    sourceOffset += UInt64(count)
    isSourceAtEnd = count == 0
    (start, end) = (0, count)
  }
}
