internal import ArgumentParser
internal import Foundation

/// `Tools/bench`, which sees to the arguments that have no default here.
@main
struct Benchmarks: ParsableCommand {
  enum Suite: String, ExpressibleByArgument, CaseIterable {
    case main, mount, store, erofs, pack, share
  }

  static let configuration = CommandConfiguration(
    commandName: "Tools/bench", abstract: "Measure a suite beside its alternatives.")

  @Argument(help: "What to measure.") var suite: Suite
  @Flag(help: "Print one JSON array of rows.") var json = false
  @Option(help: "How often to measure; the medians are shown.") var runs = 5
  @Option(help: "Measure only this part of the suite; not all have parts.") var part: String?
  @Option(
    help: "The directory that the suite `pack` makes images of; 500 MB at least say something.")
  var tree = "/usr/share"
  @Option(help: "Where the pairs of images of the suite `share` are.") var corpus = ""
  @Option(help: "Draw the pairs of the suite `share` into this file, as SVG.")
  var picture: String?
  @Option(help: .hidden) var cullet: String
  @Option(help: .hidden) var directory: String

  func validate() throws {
    guard runs >= 1 else { throw ValidationError("--runs is at least 1") }
    let parts: [String] =
      switch suite {
      case .mount: MountSuite.Part.allCases.map(\.rawValue)
      case .store: StoreSuite.Part.allCases.map(\.rawValue)
      case .erofs: EROFSSuite.Part.allCases.map(\.rawValue)
      case .share: ShareSuite.Part.allCases.map(\.rawValue)
      case .main, .pack: []
      }
    guard part.map(parts.contains) ?? true else {
      throw ValidationError("parts of \(suite): \(parts.joined(separator: " "))")
    }
  }

  func run() throws {
    let rows =
      switch suite {
      case .main: try mainRows()
      case .mount: try mountRows()
      case .store:
        try StoreSuite(directory: directory, part: part.flatMap { .init(rawValue: $0) })
          .rows(runCount: runs)
      case .erofs:
        try EROFSSuite(directory: directory, part: part.flatMap { .init(rawValue: $0) })
          .rows(runCount: runs)
      case .share: try shareRows()
      case .pack:
        try Packing(of: tree, binary: cullet, directory: directory).rows(runCount: runs)
      }
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      print(String(decoding: try encoder.encode(rows), as: UTF8.self))
    } else {
      print(Row.table(rows))
    }
  }

  private func shareRows() throws -> [Row] {
    let stage = try Stage(directory: directory, binary: cullet)
    defer { stage.tearDown() }
    return try ShareSuite(
      stage: stage, corpus: corpus, part: part.flatMap { .init(rawValue: $0) },
      picture: picture
    ).rows(runCount: runs)
  }

  private func mountRows() throws -> [Row] {
    let stage = try Stage(directory: directory, binary: cullet)
    defer { stage.tearDown() }
    return try MountSuite(stage: stage, part: part.flatMap { .init(rawValue: $0) })
      .rows(runCount: runs)
  }

  private func mainRows() throws -> [Row] {
    let stage = try Stage(directory: directory, binary: cullet)
    defer { stage.tearDown() }
    return try MainSuite(stage: stage).rows(runCount: runs)
  }
}
