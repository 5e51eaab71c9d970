internal import Bytes
internal import Linux

/// One record of the recorder's log; its header file explains the fields.
enum RecordedEvent {
  case open(file: UInt32, path: String, isNew: Bool)
  case write(file: UInt32, offset: Int, bytes: [UInt8], isDurable: Bool)
  case sync(file: UInt32, failed: Bool)
  case truncate(file: UInt32, byteCount: Int)
  case allocate(file: UInt32, range: Range<Int>, mode: UInt32)
  case unlink(path: String)
  case rename(from: String, to: String)
  case makeDirectory(path: String)
  case syncNames(path: String, failed: Bool)
  case mark(Mark)
  case fault(callClass: String)

  private static let headerByteCount = 40

  /// Reads the log at `path`, all of it.
  static func log(at path: String) throws -> [RecordedEvent] {
    let file = try FileDescriptor(opening: path, .readOnly)
    let bytes = try file.read(byteCount: Int(file.status().byteCount), at: 0)
    var events: [RecordedEvent] = []
    var offset = 0
    while offset + headerByteCount <= bytes.count {
      let header = bytes.rawSpan.extracting(offset..<offset + headerByteCount)
      let byteCount = Int(header.load(fromByteOffset: 32, as: UInt64.self))
      offset += headerByteCount
      guard byteCount <= bytes.count - offset else { break }
      let payload = bytes.rawSpan.extracting(offset..<offset + byteCount)
      offset += byteCount
      if let event = try RecordedEvent(header: header, payload: payload) { events.append(event) }
    }
    return events
  }

  /// Nil for a call that failed and changed nothing.
  private init?(header: RawSpan, payload: RawSpan) throws {
    let file = header.load(fromByteOffset: 4, as: UInt32.self)
    let offset = Int(header.load(fromByteOffset: 8, as: UInt64.self))
    let length = Int(header.load(fromByteOffset: 16, as: UInt64.self))
    let flags = header.load(fromByteOffset: 24, as: UInt32.self)
    let failed = header.load(fromByteOffset: 28, as: UInt32.self) != 0
    lazy var text = String(decoding: payload.copyBytes(), as: UTF8.self)
    switch header.load(fromByteOffset: 0, as: UInt32.self) {
    case 1: self = .open(file: file, path: text, isNew: flags & 1 != 0)
    case 2 where failed: return nil
    case 2:
      self = .write(
        file: file, offset: offset, bytes: payload.copyBytes(), isDurable: flags & 2 != 0)
    case 3: self = .sync(file: file, failed: failed)
    case 4: self = .truncate(file: file, byteCount: length)
    case 5: self = .allocate(file: file, range: offset..<offset + length, mode: flags)
    case 6: self = .unlink(path: text)
    case 7:
      let paths = text.split(separator: "\0").map(String.init)
      guard paths.count == 2 else { throw Violation("the log has a damaged record") }
      self = .rename(from: paths[0], to: paths[1])
    case 8: self = .makeDirectory(path: text)
    case 9: self = .syncNames(path: text, failed: failed)
    case 10:
      guard let mark = Mark(line: text.prefix { $0 != "\n" }) else {
        throw Violation("the log has a mark that is none: \(text)")
      }
      self = .mark(mark)
    case 11: self = .fault(callClass: text)
    case let kind: throw Violation("the store wrote in a way that the model lacks: \(kind) \(text)")
    }
  }
}
