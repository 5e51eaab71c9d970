internal import ArgumentParser
internal import Foundation
internal import Linux

/// `Tools/layouts`: one trace on four ways of keeping blocks on disk.
@main
struct LayoutLaboratory: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "Tools/layouts",
    abstract: "Replay one trace on four layouts of an on-disk cache.")

  @Flag(help: "Print one JSON array of outcomes.") var json = false
  @Option(help: .hidden) var directory: String

  func run() throws {
    let outcomes = [
      try outcome(FilePerObject.self), try outcome(FilePerBlock.self),
      try outcome(StoreLayout.self), try outcome(FileIndex.self),
    ]
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      print(String(decoding: try encoder.encode(outcomes), as: UTF8.self))
    } else {
      print(Outcome.table(outcomes))
    }
  }

  private func outcome<Tried: Layout>(_ layout: Tried.Type) throws -> Outcome {
    FileHandle.standardError.write(Data("\(Tried.name)\n".utf8))
    let volume = try Volume(in: directory)
    var trial = try Trial<Tried>(on: volume)
    let outcome = try trial.run()
    // The layout's files are on the volume.
    _ = consume trial
    try volume.remove()
    return outcome
  }
}
