import Foundation

/// A program run to its end, with what it printed.
package struct Command: Sendable {
  package let status: Int32
  package let output: Data
  package let errors: String

  package var text: String { String(decoding: output, as: UTF8.self) }

  /// Runs `arguments`, the first of which is found by the PATH, with `environment` on top of ours.
  @discardableResult
  package init(
    _ arguments: [String], environment: [String: String] = [:], in directory: String? = nil
  ) throws {
    let running = try RunningCommand(arguments, environment: environment, in: directory)
    (status, output, errors) = running.finish()
  }
}

/// A program that is running; its output goes to files, so it never waits for a reader.
package final class RunningCommand: @unchecked Sendable {
  private let process = Process()
  private let directory: TemporaryDirectory

  package init(
    _ arguments: [String], environment: [String: String] = [:], in workingDirectory: String? = nil
  ) throws {
    directory = try TemporaryDirectory()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    if let workingDirectory { process.currentDirectoryURL = URL(filePath: workingDirectory) }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle(
      forWritingAtPath: try directory.write([], to: "out"))
    process.standardError = FileHandle(forWritingAtPath: try directory.write([], to: "err"))
    try process.run()
  }

  package var processID: Int32 { process.processIdentifier }
  package var isRunning: Bool { process.isRunning }

  /// What it has printed so far.
  package var outputSoFar: String {
    (try? String(contentsOfFile: directory.file("out"), encoding: .utf8)) ?? ""
  }

  /// Sends `signal` to this process alone.
  package func send(signal: Int32) {
    if process.isRunning { kill(process.processIdentifier, signal) }
  }

  /// Waits for the end.
  package func finish() -> (status: Int32, output: Data, errors: String) {
    process.waitUntilExit()
    let output = (try? Data(contentsOf: URL(filePath: directory.file("out")))) ?? Data()
    let errors = (try? String(contentsOfFile: directory.file("err"), encoding: .utf8)) ?? ""
    return (process.terminationStatus, output, errors)
  }
}
