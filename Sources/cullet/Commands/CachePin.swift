internal import ArgumentParser
internal import EROFS
internal import EROFSReader
internal import ImageExport
internal import Linux
internal import Node

/// `cullet cache pin`: keeps blocks from culling.
struct CachePin: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pin", abstract: "Keep a source, or paths in it, from culling.",
    discussion: """
      What is not cached yet is kept from culling once it is. Paths are pinned with what leads to \
      them, directories with what is below them. At most half of the cache can be pinned. A new \
      version of the source keeps a pin of all of it, but no pinned paths.

      EXAMPLE
        cullet cache pin https://host/image.erofs usr/bin usr/lib
      """)

  @OptionGroup var pins: PinOptions

  func run() throws {
    try pins.run(pinning: true)
  }
}

/// `cullet cache unpin`: lets blocks be culled again.
struct CacheUnpin: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unpin", abstract: "Let a source, or paths in it, be culled again.",
    discussion: """
      A block that two pinned paths share is unpinned with either of them.

      EXAMPLE
        cullet cache unpin https://host/image.erofs
      """)

  @OptionGroup var pins: PinOptions

  func run() throws {
    try pins.run(pinning: false)
  }
}

/// What both commands are told.
struct PinOptions: ParsableArguments {
  @Argument(help: "The source: http(s)://…") var source: String
  @Argument(help: "Paths in the image; without any, all of it.") var paths: [String] = []
  @Option(name: .customLong("device"), help: "Extra device of the image, in device-table order.")
  var devices: [String] = []
  @OptionGroup var cache: CacheOptions
  @Flag(help: "Print one JSON document a source.") var json = false

  func run(pinning isPinning: Bool) throws {
    let access = cache.access
    defer { access.close() }
    var requests = ([source] + devices).map {
      PinRequest(source: $0, ranges: nil, isPinning: isPinning)
    }
    if !paths.isEmpty {
      let found = try ranges(through: access, withMetadata: isPinning)
      for index in requests.indices { requests[index].ranges = found[index] }
    } else if isPinning {
      // A source that was never read is unknown to the cache.
      for request in requests { _ = try access.open(request.source) }
    }
    for request in requests where request.ranges?.isEmpty != true {
      let outcome = try access.service().pin(request)
      if json {
        try Terminal.printJSON(outcome)
      } else {
        Terminal.print(
          "\(outcome.source): \(counted(outcome.pinnedBlocks, "block")) pinned; "
            + "\(outcome.totalPinnedBlocks) of at most \(outcome.allowedBlocks) in this cache")
      }
    }
  }

  /// What the paths need of each source: their files' data and, to pin, whatever leads to it.
  private func ranges(
    through access: CacheAccess, withMetadata: Bool
  ) throws -> [[Range<UInt64>]] {
    var sources: [RecordingSource] = []
    let image = try ImageOpener.open(source, devices: devices) { source throws(Failure) in
      let recording = RecordingSource(try access.open(source))
      sources.append(recording)
      return recording
    }
    guard sources.count == devices.count + 1 else {
      throw Failure(.noInput, "local files are read in place: there is nothing of them to pin")
    }
    do {
      var needs = PathNeeds(of: image, sources: sources)
      for path in paths { try needs.add(image.requireInode(at: path)) }
      return withMetadata ? sources.map(\.ranges) : needs.data
    } catch let error as ReadError {
      throw Failure(error, source: ImageOpener.name(of: source))
    }
  }
}

/// Which bytes of an image's sources its files need.
private struct PathNeeds {
  let image: Image
  let sources: [RecordingSource]
  /// The files' own bytes, by source.
  private(set) var data: [[Range<UInt64>]]

  init(of image: Image, sources: [RecordingSource]) {
    self.image = image
    self.sources = sources
    data = sources.map { _ in [] }
  }

  /// Adds a file, or a directory and all that is below it.
  mutating func add(_ inode: Inode) throws(ReadError) {
    guard inode.fileType == .directory else { return try addFile(inode) }
    var walk = TreeWalk(image, from: inode)
    while let entry = try walk.next() {
      if entry.inode.fileType != .directory { try addFile(entry.inode) }
    }
  }

  private mutating func addFile(_ inode: Inode) throws(ReadError) {
    if inode.fileType == .symbolicLink { _ = try image.symbolicLinkTarget(inode) }
    guard inode.fileType == .regular else { return }
    for extent in try image.extents(of: inode) where extent.kind != .hole {
      switch extent.place {
      case .device(let number):
        let range = extent.storedOffset..<extent.storedOffset + extent.storedByteCount
        sources[number].note(range)
        data[number].append(range)
      case .metadata:
        // Where that lies is best found by reading it; there is little of it.
        var bytes = AlignedBuffer(byteCount: Int(min(extent.byteCount, 1 << 20)))
        var target = bytes.mutableBytes
        _ = try image.read(inode, at: extent.fileOffset, into: &target)
      }
    }
  }
}
