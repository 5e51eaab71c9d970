internal import Bytes
internal import FoundationEssentials
internal import Linux

/// What the commands say: text on stdout, complaints on stderr, JSON documents one a line.
enum Terminal {
  /// Prints `text` and a newline on stdout; a closed pipe ends the process quietly.
  static func print(_ text: String) {
    write([UInt8]((text + "\n").utf8))
  }

  /// Writes `bytes` to stdout as they are.
  static func write(_ bytes: [UInt8]) {
    do throws(SystemError) {
      try FileDescriptor.write(bytes.rawSpan, to: 1)
    } catch {
      CurrentProcess.exit(error.errno == .brokenPipe ? 0 : 74)
    }
  }

  /// Prints the one line that every failing command leaves on stderr.
  static func complain(_ message: String) {
    note("cullet: error: \(message)")
  }

  /// Prints `line` on stderr; nobody may be listening there, and that is no failure.
  static func note(_ line: String) {
    let bytes = [UInt8]((line.replacing("\n", with: " ") + "\n").utf8)
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
