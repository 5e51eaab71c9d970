internal import ArgumentParser
internal import EROFSReader
internal import ImageCheck
internal import Linux
internal import Node

/// `cullet check`: whether an image is what it claims to be.
struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Verify the whole structure of an image, and all of its compressed data.",
    discussion: """
      Lists every fault, by name and place, and exits with 65 if there is one. With --json, a line \
      for each fault and one for the sum.

      EXAMPLE
        cullet check --digests image.erofs
      """)

  /// Faults that are listed; more are only counted.
  private static let listedCount = 1000

  @OptionGroup var image: ImageOptions
  @Flag(help: "Also compare files with their fingerprints, which reads all of the image.")
  var digests = false
  @Flag(help: "Print JSON, one document a line.") var json = false

  func run() throws {
    var faultCount = 0
    try image.withSources { main, extra in
      do throws(SourceError) {
        faultCount = try check(main, extra).faults
      } catch {
        throw Failure(error)
      }
    }
    guard faultCount == 0 else { throw ExitCode(ExitStatus.badData.rawValue) }
  }

  private func check(
    _ main: any BlockSource, _ extra: [any BlockSource]
  ) throws(SourceError) -> ImageChecker.Summary {
    var listed = 0
    func list(_ fault: Fault) {
      listed += 1
      guard listed <= Self.listedCount else { return }
      show(FaultRecord(fault), text: fault.description)
    }
    var summary = ImageChecker.Summary()
    do throws(ReadError) {
      let image = try Image(source: main, devices: extra)
      let checker = ImageChecker(image, verifiesFingerprints: digests, report: list)
      do throws(SourceError) {
        summary = try checker.run()
      } catch {
        throw .source(error)
      }
    } catch {
      list(try ImageChecker.fault(of: error))
      summary.faults += 1
    }
    let unlisted = max(listed - Self.listedCount, 0)
    show(
      summary,
      text: """
        \(summary.faults) faults\(unlisted > 0 ? ", \(unlisted) of them not listed" : "") in \
        \(summary.inodes) inodes, \(summary.entries) entries, \(summary.extents) extents; \
        \(sizeText(summary.decodedBytes)) decoded\
        \(digests ? ", \(summary.fingerprints) fingerprints compared" : "")
        """)
    return summary
  }

  /// Prints `value` as JSON where that is wanted, else `text`.
  private func show(_ value: some Encodable, text: String) {
    guard json else { return Terminal.print(text) }
    do {
      try Terminal.printJSON(value)
    } catch {
      Terminal.complain("no JSON form: \(error)")
      CurrentProcess.exit(ExitStatus.failure.rawValue)
    }
  }
}
