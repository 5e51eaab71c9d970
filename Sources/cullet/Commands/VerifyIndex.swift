internal import ArgumentParser
internal import BlockStore
internal import Linux
internal import Node

/// `cullet verify-index`: what the owner of a cache runs after a crash of the machine.
///
/// A damaged index may end the process that looks at it, and must not end the owner.
struct VerifyIndex: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify-index", abstract: "Check an index that nobody has open.",
    shouldDisplay: false)

  @Argument var directory: String
  @Argument var slotCount: Int
  @Argument var blockByteCount: Int

  func run() throws {
    CurrentProcess.becomeExpendable()
    do throws(IndexFault) {
      try IndexAudit.check(directory, slotCount: slotCount, blockByteCount: blockByteCount)
    } catch {
      Terminal.note("\(error)")
      throw ExitCode(ExitStatus.badData.rawValue)
    }
  }
}

extension IndexHelper {
  /// This executable, found whatever became of its file since it was started.
  static let thisProgram = IndexHelper(program: "/proc/self/exe", arguments: ["verify-index"])
}
