internal import Linux

/// The program that checks an index in a process of its own, by ``IndexAudit``.
///
/// It is given the index directory, the number of slots and the bytes of a block as its last
/// arguments. An exit status of 0 says that the index is whole; anything else, a signal or a
/// time-out says that it is not, and the last line of its standard error why.
package struct IndexHelper: Hashable, Sendable {
  private static let patienceNanoseconds: UInt64 = 10_000_000_000
  /// A slot's share of the index is read in less on any disk.
  private static let patienceNanosecondsPerSlot: UInt64 = 20_000

  /// The path of an executable.
  package var program: String
  /// What comes before the arguments that say which index to look at.
  package var arguments: [String]

  /// `program` is searched for in PATH unless it holds a slash.
  package init(program: String, arguments: [String] = []) {
    self.program = program
    self.arguments = arguments
  }

  /// Runs the program; what it has against the index in `directory`, nil for nothing.
  ///
  /// Takes up to 10 seconds and 20 µs a slot.
  func complaint(about directory: String, _ geometry: Geometry) -> String? {
    do throws(SystemError) {
      let child = try ChildProcess(
        running: program,
        arguments + [directory, "\(geometry.slotCount)", "\(geometry.blockByteCount)"])
      let deadline =
        MonotonicClock.now + Self.patienceNanoseconds + Self.patienceNanosecondsPerSlot
        * UInt64(geometry.slotCount)
      let outcome = try child.wait(until: deadline)
      if outcome.exitStatus == 0 { return nil }
      let reason = outcome.complaint.split(separator: "\n").last.map(String.init) ?? ""
      return reason.isEmpty ? "the check of it did not come to its end" : reason
    } catch {
      return "it cannot be checked: \(error)"
    }
  }
}
