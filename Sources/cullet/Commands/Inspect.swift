internal import ArgumentParser
internal import ImageExport

/// `cullet inspect`: what an image is made of.
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show an image's superblock, features, and space by layout.",
    discussion: """
      EXAMPLE
        cullet inspect image.erofs
      """)

  @OptionGroup var image: ImageOptions
  @Flag(help: "Print one JSON document.") var json = false

  func run() throws {
    try image.withImage { image in
      let summary = try ImageSummary(of: image)
      if json { return try Terminal.printJSON(summary) }
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
  }

  private func show(_ usages: [String: ImageSummary.Usage], as title: String) {
    for (name, usage) in usages.sorted(by: { $0.key < $1.key }) {
      let label = title + String(repeating: " ", count: 13 - title.count)
      Terminal.print("\(label)\(name): \(usage.files) files, \(sizeText(usage.bytes))")
    }
  }
}
