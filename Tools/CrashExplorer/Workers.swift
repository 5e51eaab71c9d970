internal import ArgumentParser
internal import Bytes
internal import Foundation
internal import Linux

/// Where one worker process stands among the others, and where it leaves word.
struct WorkerPlace: ParsableArguments {
  @Option var worker: Int
  @Option var jobs: Int
  @Option var seed: UInt64
  /// Of the run; not where the recorded files are.
  @Option var directory: String

  private func path(_ kind: String) -> String { "\(directory)/worker-\(worker).\(kind)" }

  /// Says what comes next, so that it is known should the process die of it.
  func report(_ text: String) throws {
    let file = try FileDescriptor(opening: path("progress"), [.writeOnly, .create, .truncate])
    try file.write(Array(text.utf8).rawSpan)
  }

  /// Keeps the recorder's log as it is now, for a report of a violation.
  func keepLog() throws {
    try? FileManager.default.removeItem(atPath: path("kept"))
    try FileManager.default.copyItem(atPath: path("log"), toPath: path("kept"))
  }

  /// Whether another worker has found a violation.
  var isOver: Bool { FileManager.default.fileExists(atPath: "\(directory)/over") }

  func finish(_ result: some Encodable) throws {
    try JSONEncoder().encode(result).write(to: URL(filePath: path("result")))
  }
}

/// Processes of this program that share the trials, each with a recorder and a directory.
struct WorkerTeam {
  private let surroundings: Surroundings

  init(_ surroundings: Surroundings) {
    self.surroundings = surroundings
  }

  private func path(_ worker: Int, _ kind: String) -> String {
    "\(surroundings.directory)/worker-\(worker).\(kind)"
  }

  /// Runs the subcommand `name` in every worker; throws a ``Violation`` when one ends badly.
  func run<Result: Decodable>(
    _ name: String, _ arguments: [String], workerCount: Int? = nil
  ) throws -> [Result] {
    let workers = 0..<(workerCount ?? surroundings.jobs)
    let complaints = Lock<[Int: String]>([:])
    var threads: [Linux.Thread] = []
    for worker in workers {
      try Paths.createDirectory(path(worker, "root"), mode: 0o700)
      threads.append(
        try Linux.Thread(name: "worker-\(worker)") {
          guard let complaint = complaint(of: worker, name, arguments) else { return }
          complaints.withLock { $0[worker] = complaint }
          _ = FileManager.default.createFile(
            atPath: "\(surroundings.directory)/over", contents: nil)
        })
    }
    for thread in threads { thread.join() }
    if let (worker, complaint) = complaints.withLock({ $0.min { $0.key < $1.key } }) {
      throw Violation(try explain(complaint, of: worker))
    }
    return try workers.map { worker in
      try JSONDecoder().decode(
        Result.self, from: Data(contentsOf: URL(filePath: path(worker, "result"))))
    }
  }

  /// Runs one worker to its end; says what is wrong, if anything is.
  private func complaint(of worker: Int, _ name: String, _ arguments: [String]) -> String? {
    do {
      let outcome = try ChildProcess(
        running: Paths.executable,
        [
          name, "--worker", "\(worker)", "--jobs", "\(surroundings.jobs)", "--seed",
          "\(surroundings.seed)", "--directory", surroundings.directory,
        ] + arguments,
        environment: [
          "LD_PRELOAD=\(surroundings.recorder)",
          "CULLET_RECORDER_ROOT=\(path(worker, "root"))",
          "CULLET_RECORDER_LOG=\(path(worker, "log"))",
          "CULLET_RECORDER_MARKS=/dev/null",
        ]
      ).wait()
      switch outcome.exitStatus {
      case 0: return nil
      case nil: return "the process died, or was stopped for taking too long: \(outcome.complaint)"
      default: return outcome.complaint
      }
    } catch {
      return "\(error)"
    }
  }

  /// A violation with all that is needed to see it again.
  private func explain(_ complaint: String, of worker: Int) throws -> String {
    let progress = try String(contentsOfFile: path(worker, "progress"), encoding: .utf8)
    var lines = ["violation: \(complaint)", "in \(progress)"]
    let kept = path(worker, "kept")
    if FileManager.default.fileExists(atPath: kept) {
      let log = FileManager.default.temporaryDirectory
        .appending(path: "cullet-crash-\(surroundings.seed)-\(CurrentProcess.id).log").path()
      try FileManager.default.copyItem(atPath: kept, toPath: log)
      lines.append(
        "kept: \(log); a state is judged again by Tools/crash --replay LOG and its numbers")
    }
    return lines.joined(separator: "\n")
  }
}
