internal import ArgumentParser
internal import Bytes
internal import EROFS
internal import EROFSBuilder
internal import EROFSReader
internal import Linux
internal import Node
internal import TreeSources

/// `cullet pack`: an image of a tree of files.
struct Pack: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Build an image from trees of files.",
    usage: "cullet pack [-o] IMAGE TREE ... [options]",
    discussion: """
      TREE is a directory, a tar archive (plain, gzip, xz or zstd; - is standard input), an OCI \
      layout, as a directory or an archive, what docker save writes, or an image in a registry, \
      oci://[user:password@]host[:port]/repository[:tag][@digest]. Of several, each is laid \
      over those before it. The same trees and options give the same bytes, whatever the time, the \
      order of files and the number of threads.

      EXAMPLES
        cullet pack --compress lz4hc --cluster-size 64K image.erofs /srv/tree
        docker save alpine | cullet pack --compress zstd alpine.erofs -
      """)

  @Option(name: [.customShort("o"), .long], help: "The image (default: the first argument).")
  var output: String?

  @Argument(help: "The image, unless -o names it, and the trees.") var arguments: [String]

  @Option(
    help: "A local image that the new one is a patch of: what it has is not stored again.")
  var base: String?

  @OptionGroup(title: "Layout") var layout: PackLayoutOptions
  @OptionGroup(title: "What the image says") var identity: PackIdentityOptions

  @Option(help: "Threads that read and compress (default: one for each processor).")
  var threads: Int?
  @Flag(help: "Print a summary as one JSON document.") var json = false
  @Flag(help: "No progress and no summary.") var quiet = false

  func run() throws {
    var trees = arguments
    guard let image = output ?? trees.first else {
      throw Failure(.usage, "name the image and a tree")
    }
    if output == nil { trees.removeFirst() }
    guard !trees.isEmpty else { throw Failure(.usage, "name a tree to build \(image) from") }
    if let remote = trees.first(where: { $0.contains("://") && !$0.hasPrefix("oci://") }) {
      throw Failure(.usage, "\(remote): trees come from here or from oci://; save it to a file")
    }
    try checkIsReplaceable(image)
    let options = try buildOptions()
    let progress = PackProgress(isShown: !quiet && Terminal.showsProgress)
    let summary: BuildSummary
    do {
      let spool = ArchiveSpool(in: Paths.parent(of: image))
      let inputs = try trees.map { tree -> TreeInput in
        tree.hasPrefix("oci://") ? try RegistryImage.fetch(tree, into: spool) : .path(tree)
      }
      let tree = try TreeInput.read(merging: inputs, spool: spool)
      let base = try base.map { try BaseImage(openBase($0)) }
      let builder = ImageBuilder(options, base: base) { progress.show($0) }
      summary = try builder.build(tree, to: image)
      progress.finish()
    } catch let error as BuildError {
      progress.finish()
      throw Failure(error, image: image)
    } catch let error as TreeSourceError {
      throw Failure(error)
    }
    if json { return try Terminal.printJSON(summary) }
    if !quiet { Terminal.print(Self.text(of: summary, image)) }
  }

  /// The image takes the place of what has its name, which would be the end of a device or a pipe.
  private func checkIsReplaceable(_ image: String) throws {
    guard let name = image.split(separator: "/").last,
      let directory = try? DirectoryHandle(opening: Paths.parent(of: image)),
      let status = try? directory.entry(FileName(String(name))).status()
    else { return }
    switch FileType(mode: UInt16(truncatingIfNeeded: status.mode)) {
    case .characterDevice, .blockDevice, .fifo, .socket:
      throw Failure(.cannotCreate, "\(image): the image would replace what is no regular file")
    default: break
    }
  }

  private func openBase(_ source: String) throws -> Image {
    try ImageOpener.open(source, devices: []) { source throws(Failure) in
      throw Failure(.usage, "--base \(source): name a local image")
    }
  }

  private func buildOptions() throws -> BuildOptions {
    var options = BuildOptions()
    try layout.apply(to: &options)
    try identity.apply(to: &options)
    if let threads, !(1...256).contains(threads) {
      throw Failure(.usage, "--threads \(threads): from 1 to 256")
    }
    options.threadCount = threads ?? CurrentProcess.processorCount
    return options
  }

  private static func text(of summary: BuildSummary, _ image: String) -> String {
    let saved =
      summary.dedupSavedBytes == 0
      ? "" : ", \(sizeText(summary.dedupSavedBytes)) of them found twice"
    return """
      \(image): \(sizeText(summary.imageBytes)) for \(counted(summary.files, "file")) \
      with \(sizeText(summary.bytes))\(saved)
      """
  }
}

extension Failure {
  fileprivate init(_ error: BuildError, image: String) {
    switch error {
    case .source(let error): self.init(error)
    case .limit(let reason): self.init(.badData, reason)
    case .base(let error): self.init(error, source: "the base image")
    case .output(let error):
      let status: ExitStatus =
        switch error.errno {
        case .accessDenied, .notPermitted: .noPermission
        case .noSuchFile, .notDirectory, .isDirectory, .readOnlyFilesystem: .cannotCreate
        default: .ioError
        }
      self.init(status, "\(image): \(error.errno)")
    }
  }

  fileprivate init(_ error: TreeSourceError) {
    let status: ExitStatus =
      switch error.code {
      case .system(let errno): Failure(SystemError(call: "", errno: errno)).status
      case .changed: .ioError
      case .malformed: .badData
      case .unsupported: .badData
      }
    self.init(status, "\(error)")
  }
}
