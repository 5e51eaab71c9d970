internal import Foundation
internal import Linux

/// The recorder that is loaded under this process.
struct Recorder {
  private let marks: MarksFile
  private let logPath: String
  /// The directory whose files it watches.
  let root: String
  private var bootCount = 0

  /// Fails unless the process was started with the recorder; it records nothing at first, and ends
  /// with whoever started it.
  init() throws {
    let environment = ProcessInfo.processInfo.environment
    guard let root = environment["CULLET_RECORDER_ROOT"],
      let log = environment["CULLET_RECORDER_LOG"],
      let marks = environment["CULLET_RECORDER_MARKS"]
    else { throw Violation("the recorder is not loaded") }
    // Nobody judges what a worker goes on to do once the explorer is gone.
    CurrentProcess.becomeExpendable()
    self.root = root
    logPath = log
    self.marks = try MarksFile(path: marks)
    try self.marks.order(.pause)
  }

  /// Records what `body` does, in a log of its own.
  func record(_ body: () throws -> Void) throws {
    try marks.order(.rewind)
    try marks.order(.resume)
    defer { try? marks.order(.pause) }
    try body()
  }

  /// Records a workload on a new cache, every other one on a slow disk: other fills fall into a batch
  /// then, and more of them wait.
  func record(
    workload seed: UInt64, operationCount: Int, fault: MarksFile.Command? = nil
  ) throws -> [RecordedEvent] {
    try DiskImage().write(to: root)
    try record {
      try marks.order(.slow(microseconds: seed % 2 == 0 ? 0 : Int(seed % 400)))
      defer { try? marks.order(.slow(microseconds: 0)) }
      if let fault { try marks.order(fault) }
      try Workload(
        directory: "\(root)/cache", marks: marks, seed: seed, mayBeEmptied: fault != nil
      ).run(operationCount: operationCount)
      try marks.order(.heal)
    }
    return try log()
  }

  /// Has the machine appear to have booted once more; or not, as it really has not.
  mutating func pretendReboot(_ isPretended: Bool) throws {
    bootCount += 1
    try marks.order(.boot(isPretended ? bootCount : 0))
  }

  func log() throws -> [RecordedEvent] { try RecordedEvent.log(at: logPath) }
}
