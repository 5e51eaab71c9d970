internal import ArgumentParser
internal import EROFSReader
internal import ImageExport
internal import Linux
internal import Node

/// `cullet extract`: an image's tree as files on disk.
struct Extract: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write an image's tree into a directory.",
    discussion: """
      Owners, modes, times, extended attributes, hard links and holes are kept; owners only by \
      root. The directory is made if it is missing, and must be empty otherwise.

      EXAMPLE
        cullet extract https://host/image.erofs /srv/tree
      """)

  @OptionGroup var image: ImageOptions
  @Argument(help: "The directory to fill.") var directory: String

  func run() throws {
    try image.withImage { image in
      try Paths.createDirectory(directory, mode: 0o755)
      var extractor = Extractor(image, keepsOwners: CurrentProcess.userID == 0)
      do throws(ExportError) {
        try extractor.extract(into: directory)
      } catch {
        throw failure(error)
      }
      for omission in extractor.omissions { Terminal.note("cullet: not kept: \(omission)") }
      if let first = extractor.omissions.first {
        throw Failure(
          .noPermission,
          "\(extractor.omissions.count) things could not be kept in \(directory), first \(first)")
      }
    }
  }

  private func failure(_ error: ExportError) -> Failure {
    switch error {
    case .unreadable(let cause, let path): Failure(cause, source: "\(image.source): \(path)")
    case .unwritable(let cause, let path):
      Failure(
        cause.errno == .accessDenied || cause.errno == .notPermitted
          ? .noPermission
          : cause.errno == .noSuchFile || cause.errno == .notDirectory ? .cannotCreate : .ioError,
        "\(directory): \(path): \(cause)")
    case .notEmpty: Failure(.cannotCreate, "\(directory) is not empty; name another directory")
    case .tooDeep(let path): Failure(.badData, "\(path): directories are nested too deep to write")
    }
  }
}
