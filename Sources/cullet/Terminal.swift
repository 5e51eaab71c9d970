internal import Bytes
internal import FoundationEssentials
internal import Linux
internal import Node

/// What the commands say: text on stdout, complaints on stderr, JSON documents one a line.
enum Terminal {
  /// Prints `text`, of one line or more, on stdout, as ``shown(_:)`` has it; a closed pipe ends the
  /// process quietly.
  static func print(_ text: String) {
    let lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
    write(lines.flatMap { line in shown([UInt8](line)) + [0x0A] })
  }

  /// Writes `bytes` to stdout as they are.
  static func write(_ bytes: [UInt8]) {
    do throws(SystemError) {
      try FileDescriptor.write(bytes.rawSpan, to: 1)
    } catch {
      if error.errno == .brokenPipe { CurrentProcess.exit(0) }
      complain("standard output: \(error.errno) (\(error.call))")
      CurrentProcess.exit(ExitStatus.ioError.rawValue)
    }
  }

  /// A name as it is shown: as it is, but on a terminal with '?' for each control character, as
  /// 'ls' does it.
  ///
  /// Images are not trusted, and terminals do what they are told.
  static func shown(_ name: [UInt8]) -> [UInt8] {
    isTerminal ? name.map { isControl($0) ? UInt8(ascii: "?") : $0 } : name
  }

  private static let isTerminal = FileDescriptor.isTerminal(1)

  private static func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7F }

  /// Prints the one line that every failing command leaves on stderr.
  static func complain(_ message: String) {
    note("cullet: error: \(message)")
  }

  /// Prints `line` on stderr; nobody may be listening there, and that is no failure.
  static func note(_ line: String) {
    let visible = line.utf8.map { isControl($0) ? UInt8(ascii: " ") : $0 }
    let bytes = visible + [0x0A]
    try? FileDescriptor.write(bytes.rawSpan, to: 2)
  }

  /// Whether somebody looks at stderr, so that a line there may be drawn again and again.
  static var showsProgress: Bool { FileDescriptor.isTerminal(2) }

  /// Draws `line` on stderr in place of what was drawn last.
  static func draw(_ line: String) {
    try? FileDescriptor.write([UInt8]("\r\u{1B}[K\(line)".utf8).rawSpan, to: 2)
  }

  /// Prints `value` as one JSON document on a line of its own.
  static func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    write([UInt8](try encoder.encode(value)) + [0x0A])
  }
}
