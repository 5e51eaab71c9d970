internal import ArgumentParser
internal import ImageExport

/// `cullet inspect`: what images are made of, and what they would share in memory.
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show an image's superblock, features, space by layout, and what it could share.",
    discussion: """
      Of several images only what they could share is shown: what the page cache costs when all \
      files of them are read, and what is left when equal files, and with --pages equal pages of \
      4 KiB, are there once. Without --pages, files are equal when their fingerprints are, and \
      no file is read.

      EXAMPLE
        cullet inspect image.erofs
        cullet inspect --pages old.erofs new.erofs
      """)

  private struct Report: Encodable {
    /// Nil where there is only one image.
    let source: String?
    let summary: ImageSummary
    let sharing: SharingPotential

    func encode(to encoder: any Encoder) throws {
      try summary.encode(to: encoder)
      var container = encoder.container(keyedBy: Keys.self)
      try container.encodeIfPresent(source, forKey: .source)
      try container.encode(sharing, forKey: .sharing)
    }

    enum Keys: CodingKey {
      case source, sharing
    }
  }

  private struct SetReport: Encodable {
    let images: [Report]
    let sharing: SharingPotential
  }

  @OptionGroup var images: ImageSetOptions
  @Flag(help: "Compare files and pages by what they hold, which reads all of the images.")
  var pages = false
  @Flag(help: "Print one JSON document.") var json = false

  func run() throws {
    let census = SharingCensus(readsContents: pages)
    var reports: [(name: String, report: Report)] = []
    let isAlone = images.sources.count == 1
    try images.forEachImage { name, image in
      let (summary, sharing) = try census.add(image)
      reports.append(
        (name, Report(source: isAlone ? nil : name, summary: summary, sharing: sharing)))
    }
    if let only = reports.first, isAlone {
      if json { return try Terminal.printJSON(only.report) }
      show(only.report.summary)
      show([(only.report.sharing, only.name)])
    } else {
      let together = census.sharing
      if json {
        return try Terminal.printJSON(
          SetReport(images: reports.map(\.report), sharing: together))
      }
      show(reports.map { ($0.report.sharing, $0.name) } + [(together, "together")])
    }
  }

  private func show(_ summary: ImageSummary) {
    Terminal.print(
      """
      size         \(sizeText(summary.byteCount)), \(summary.blocks) blocks of \
      \(sizeText(UInt64(summary.blockSize)))
      inodes       \(summary.inodes)
      uuid         \(summary.uuid)
      volume       \(summary.volumeName.isEmpty ? "(unnamed)" : summary.volumeName)
      built        \(timeText(summary.buildTime.multipliedReportingOverflow(by: 1_000_000_000).partialValue))
      features     \(summary.features.joined(separator: " "))
      algorithms   \(summary.algorithms.isEmpty ? "none" : summary.algorithms.joined(separator: " "))
      devices      \(summary.devices) extra
      """)
    show(summary.types, as: "type")
    show(summary.layouts, as: "layout")
    Terminal.print(
      "fingerprints \(summary.fingerprints.files) files, "
        + "\(sizeText(summary.fingerprints.bytes)) may be shared with other images")
  }

  private func show(_ usages: [String: ImageSummary.Usage], as title: String) {
    for (name, usage) in usages.sorted(by: { $0.key < $1.key }) {
      let label = title + String(repeating: " ", count: 13 - title.count)
      Terminal.print("\(label)\(name): \(usage.files) files, \(sizeText(usage.bytes))")
    }
  }

  /// Prints a line for each of `rows`, the last of which stands for all, and what to know of them.
  private func show(_ rows: [(sharing: SharingPotential, name: String)]) {
    let titles = pages ? ["files", "pages", "no zero pages", "LZ4"] : ["files"]
    Terminal.print(
      "page cache" + padded("unshared", 14)
        + titles.map { padded($0, 23) }.joined())
    for (sharing, name) in rows {
      let savings = sharing.savings
      let columns = [
        (sharing.fileSharingBytes, savings.fileSharing),
        (sharing.pageSharingBytes, savings.pageSharing),
        (sharing.pageSharingWithoutZerosBytes, savings.pageSharingWithoutZeros),
        (sharing.compressedBytes, savings.compression),
      ].map { cost, saving in
        guard let cost, let saving else { return "" }
        return padded(mebibyteText(cost), 14) + padded("-\(percentText(saving))", 9)
      }
      Terminal.print(
        padded(mebibyteText(sharing.noSharingBytes), 24) + columns.joined() + "  " + name)
    }
    guard let all = rows.last?.sharing else { return }
    if let wrong = all.wrongFingerprints {
      guard wrong > 0 else { return }
      Terminal.print("lies       \(counted(wrong, "fingerprint")) not of the file's content")
    } else if all.unknownBytes > 0 {
      Terminal.print(
        "unknown    \(sizeText(all.unknownBytes)) in files without fingerprint, counted as "
          + "unlike all others; --pages tells")
    }
  }
}
