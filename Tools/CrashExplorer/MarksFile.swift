internal import Bytes
internal import Linux

/// Where a workload leaves its marks, and where the recorder takes its commands.
final class MarksFile {
  private let file: FileDescriptor

  /// Opens the file at `path`, for more marks at its end.
  init(path: String) throws {
    file = try FileDescriptor(opening: path, [.writeOnly, .create, .append])
  }

  func write(_ mark: Mark) throws {
    try file.write(Array(mark.line.utf8).rawSpan)
  }

  /// Commands of the recorder, see its header.
  enum Command {
    case pause, resume, rewind, heal
    case boot(Int)
    case slow(microseconds: Int)
    case fault(callClass: String, number: Int, errno: Int32)
  }

  func order(_ command: Command) throws {
    let text =
      switch command {
      case .pause: "!pause"
      case .resume: "!resume"
      case .rewind: "!rewind"
      case .heal: "!heal"
      case .slow(let microseconds): "!slow \(microseconds)"
      case .boot(let number): "!boot \(number)"
      case .fault(let callClass, let number, let errno): "!fault \(callClass) \(number) \(errno)"
      }
    try file.write(Array(text.utf8).rawSpan)
  }
}
