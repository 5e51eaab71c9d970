internal import ArgumentParser
internal import EROFSReader
internal import ImageExport

/// `cullet manifest`: every entry of an image, in a form for scripts.
struct Manifest: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print every entry of an image as JSON, one a line, sorted by path.",
    discussion: """
      EXAMPLE
        cullet manifest --digests https://host/image.erofs > image.ndjson
      """)

  @OptionGroup var image: ImageOptions
  @Flag(help: "With the SHA-256 of every regular file, which reads all of the image.")
  var digests = false

  func run() throws {
    try image.withImage { image in
      var walk = try ManifestWalk(image)
      while let entry = try walk.step() {
        try Terminal.printJSON(
          ManifestEntry(
            entry.inode, at: entry.path, in: image, withAttributes: true, withDigest: digests))
      }
    }
  }
}
