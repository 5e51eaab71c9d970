internal import Bytes
internal import Linux

/// Bytes that are written once, in order, and read back later: in memory while they are few, and
/// in a file without a name from then on.
///
/// It holds what is known of contents before metadata can be written, so that memory does not grow
/// with the contents.
struct Spill: ~Copyable {
  /// What stays in memory.
  static let memoryByteCountLimit = 32 << 20

  /// The bytes that were appended from one position on.
  struct Range: Hashable, Sendable {
    var offset: UInt64
    var byteCount: Int

    static let empty = Range(offset: 0, byteCount: 0)
  }

  private let directory: String
  private let memoryByteCountLimit: Int
  private var file: FileDescriptor?
  /// How much is in the file; the rest is in `recent`.
  private var writtenByteCount: UInt64 = 0
  private var recent: [UInt8] = []

  /// A spill whose file, should it need one, is made beside `path`.
  init(beside path: String, memoryByteCountLimit: Int = memoryByteCountLimit) {
    directory = Paths.parent(of: path)
    self.memoryByteCountLimit = memoryByteCountLimit
  }

  /// Where the next bytes will be.
  var endOffset: UInt64 { writtenByteCount + UInt64(recent.count) }

  /// Appends `bytes`; returns where they are.
  @discardableResult
  mutating func append(_ bytes: [UInt8]) throws(BuildError) -> Range {
    try append(bytes.rawSpan)
  }

  /// Appends `bytes`; returns where they are.
  @discardableResult
  mutating func append(_ bytes: RawSpan) throws(BuildError) -> Range {
    let range = Range(offset: endOffset, byteCount: bytes.byteCount)
    unsafe bytes.withUnsafeBytes { bytes in unsafe recent.append(contentsOf: bytes) }
    if recent.count > memoryByteCountLimit { try flush() }
    return range
  }

  /// What was read of the file last, and more than was asked for: most ranges follow each other.
  struct Window {
    fileprivate static let byteCount: UInt64 = 1 << 20

    fileprivate var offset: UInt64 = 0
    fileprivate var bytes: [UInt8] = []
  }

  /// The bytes at `range`, from `window` where it has them.
  func read(_ range: Range, by window: inout Window) throws(BuildError) -> [UInt8] {
    guard range.offset < writtenByteCount else {
      let start = Int(range.offset - writtenByteCount)
      return Array(recent[start..<start + range.byteCount])
    }
    let stored = min(range.byteCount, Int(writtenByteCount - range.offset))
    let windowEnd = window.offset + UInt64(window.bytes.count)
    if range.offset < window.offset || range.offset + UInt64(stored) > windowEnd {
      let count = min(max(UInt64(stored), Window.byteCount), writtenByteCount - range.offset)
      window.bytes = try readFile(byteCount: Int(count), at: range.offset)
      window.offset = range.offset
    }
    let start = Int(range.offset - window.offset)
    return Array(window.bytes[start..<start + stored] + recent[..<(range.byteCount - stored)])
  }

  private func readFile(byteCount: Int, at offset: UInt64) throws(BuildError) -> [UInt8] {
    do throws(SystemError) {
      switch file {
      case .none: return []
      case .some(let file): return try file.read(byteCount: byteCount, at: offset)
      }
    } catch {
      throw .output(error)
    }
  }

  private mutating func flush() throws(BuildError) {
    do throws(SystemError) {
      if file == nil { file = try FileDescriptor(unnamedIn: directory) }
      try file?.write(recent.rawSpan, at: writtenByteCount)
    } catch {
      throw .output(error)
    }
    writtenByteCount += UInt64(recent.count)
    recent.removeAll(keepingCapacity: true)
  }
}
