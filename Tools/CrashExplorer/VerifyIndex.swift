internal import ArgumentParser
internal import BlockStore
internal import Linux

/// Checks an index for the store that has found it after a crash of the machine.
struct VerifyIndex: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify-index", shouldDisplay: false)

  @Argument var directory: String
  @Argument var slotCount: Int
  @Argument var blockByteCount: Int

  func run() throws {
    CurrentProcess.becomeExpendable()
    try IndexAudit.check(directory, slotCount: slotCount, blockByteCount: blockByteCount)
  }
}
