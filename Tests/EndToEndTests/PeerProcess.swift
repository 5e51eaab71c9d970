import Foundation
import Linux
import TestSupport

/// A process that serves mounts and hands them over; killed when this goes.
final class PeerProcess: Sendable {
  private static let binary = URL(filePath: Stage.binary).deletingLastPathComponent()
    .appending(path: "SessionPeer").path()

  private let command: RunningCommand

  /// Starts it with `arguments`.
  init(_ arguments: [String]) throws {
    command = try RunningCommand([Self.binary] + arguments)
  }

  deinit {
    kill()
  }

  var isRunning: Bool { command.isRunning }

  func kill() {
    command.send(signal: SIGKILL)
  }

  /// Waits until it has said `word`.
  func expect(_ word: String) throws {
    for _ in 0..<2000 {
      if command.outputSoFar.contains("\(word)\n") { return }
      guard command.isRunning else { break }
      Linux.Thread.sleep(milliseconds: 10)
    }
    kill()
    throw StageError("no '\(word)': \(command.outputSoFar) \(command.finish().errors)")
  }

  /// Waits for its end; whether it was as it should be.
  func ends() throws -> Bool {
    try expect("ended")
    return command.finish().status == 0
  }
}
