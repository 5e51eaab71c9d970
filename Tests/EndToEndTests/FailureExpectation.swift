import TestSupport
import Testing

extension Stage {
  /// Runs the command and checks that it fails with `status` and one line that has `words`.
  func expectFailure(
    _ status: Int32, _ words: [String], running arguments: [String],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let command = try Command([Self.binary] + arguments, environment: ["CULLET_CACHE": cache])
    Self.expectFailure(status, words, of: command, sourceLocation: sourceLocation)
  }

  /// Checks that `command` failed with `status` and one line that has `words`.
  static func expectFailure(
    _ status: Int32, _ words: [String], of command: Command,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(command.status == status, "\(command.errors)", sourceLocation: sourceLocation)
    let lines = command.errors.split(separator: "\n")
    #expect(lines.count == 1, "\(command.errors)", sourceLocation: sourceLocation)
    #expect(command.errors.hasPrefix("cullet: error: "), sourceLocation: sourceLocation)
    for word in words {
      #expect(command.errors.contains(word), "\(command.errors)", sourceLocation: sourceLocation)
    }
  }
}
