internal import Bytes
internal import EROFS
internal import Linux

/// A layer of an image: a tree, and what it does to the trees below it.
struct Layer {
  var tree: SourceTree
  /// Paths that are removed from below.
  var whiteouts: [[FileName]] = []
  /// Directories of which nothing shows through from below.
  var opaqueDirectories: [[FileName]] = []
  /// Hard links to files of the layers below, by path; the number says which came first.
  var links: [[FileName]: (number: Int, target: [FileName])] = [:]
}

/// Reads a tar archive: ustar, pax and GNU, with extended attributes, long names and sparse files.
///
/// Contents stay in the archive where they can be read there again, and go to the spool otherwise.
struct TarReader: ~Copyable {
  /// Longer extended headers are nobody's, nor are longer maps of sparse files.
  private static let headerByteCountLimit: UInt64 = 16 << 20
  /// Linux takes no longer paths, so deeper trees could not be walked.
  private static let pathByteCountLimit = 4095
  private static let pieceByteCount: UInt64 = 1 << 20

  private var stream: ArchiveStream
  private let spool: ArchiveSpool
  /// Whether names that begin with `.wh.` remove what is below.
  private let isLayer: Bool
  private var layer = Layer(tree: SourceTree(root: .impliedDirectory()))
  private var globals = TarAttributes()
  /// How many hard links there were to layers below.
  private var linkCount = 0

  init(_ stream: consuming ArchiveStream, spool: ArchiveSpool, isLayer: Bool) {
    self.stream = stream
    self.spool = spool
    self.isLayer = isLayer
  }

  /// Everything in the archive; of several entries with one path the last one counts.
  consuming func readAll() throws(TreeSourceError) -> Layer {
    var locals = TarAttributes()
    var longName: [UInt8]?
    var longTarget: [UInt8]?
    while let header = try nextHeader() {
      switch header.type {
      case UInt8(ascii: "x"): try add(header, to: &locals)
      case UInt8(ascii: "g"):
        var added = globals
        try add(header, to: &added)
        globals = added
      case UInt8(ascii: "L"): longName = try longText(header)
      case UInt8(ascii: "K"): longTarget = try longText(header)
      default:
        let entry = TarEntry(
          header, globals.merged(with: locals), longName: longName, longTarget: longTarget)
        try take(entry)
        (locals, longName, longTarget) = (TarAttributes(), nil, nil)
      }
    }
    return layer
  }

  private func malformed(_ reason: String) -> TreeSourceError {
    TreeSourceError(.malformed(reason), stream.name)
  }

  /// The next header, or nil at the end, which two blocks of zeros or the end of the file make.
  private mutating func nextHeader() throws(TreeSourceError) -> TarHeader? {
    var block = [UInt8](repeating: 0, count: TarHeader.byteCount)
    var span = block.mutableRawSpan
    let count = try stream.read(into: &span)
    // Even an archive of nothing ends in a block of zeros.
    guard stream.position > 0 else { throw malformed("an empty file is no tar archive") }
    if count == 0 || block.allSatisfy({ $0 == 0 }) { return nil }
    guard count == block.count, let header = TarHeader(decoding: block.rawSpan) else {
      throw malformed("not a tar archive, or damaged at byte \(stream.position)")
    }
    return header
  }

  private mutating func data(_ header: TarHeader) throws(TreeSourceError) -> [UInt8] {
    guard header.size <= Self.headerByteCountLimit else {
      throw malformed("an extended header of \(header.size) bytes")
    }
    let bytes = try stream.read(Int(header.size))
    try skipPadding(header.size)
    return bytes
  }

  private mutating func skipPadding(_ byteCount: UInt64) throws(TreeSourceError) {
    _ = try stream.read(Int((512 - byteCount % 512) % 512))
  }

  private mutating func add(
    _ header: TarHeader, to attributes: inout TarAttributes
  ) throws(TreeSourceError) {
    guard attributes.add(try data(header)) else { throw malformed("a damaged extended header") }
    // Headers add up before the entry that they are of.
    guard attributes.byteCount <= Int(Self.headerByteCountLimit) else {
      throw malformed("extended headers of \(attributes.byteCount) bytes")
    }
  }

  private mutating func longText(_ header: TarHeader) throws(TreeSourceError) -> [UInt8] {
    Array(try data(header).prefix { $0 != 0 })
  }

  private func path(_ name: [UInt8]) throws(TreeSourceError) -> [FileName] {
    guard name.count <= Self.pathByteCountLimit else {
      throw malformed("a path of \(name.count) bytes")
    }
    let parts = name.split(separator: UInt8(ascii: "/")).map { FileName(Array($0)) }
      .filter { $0 != FileName(".") }
    guard !parts.contains(FileName("..")), !name.contains(0) else {
      throw malformed("an entry outside of the archive: \(FileName(name).text)")
    }
    return parts
  }

  private mutating func take(_ entry: TarEntry) throws(TreeSourceError) {
    let path = try path(entry.name)
    switch entry.kind {
    case .ignored: return try skipContent(entry)
    case .unsupported(let what): throw TreeSourceError(.unsupported(what), stream.name)
    default: break
    }
    guard let name = path.last else {
      // The root itself.
      if entry.kind == .directory { layer.tree.describe(0, as: entry.node(.directory([:]))) }
      return try skipContent(entry)
    }
    if isLayer, name.bytes.starts(with: ".wh.".utf8) {
      noteWhiteout(name, in: Array(path.dropLast()))
      return try skipContent(entry)
    }
    let parent = layer.tree.makeDirectories(path.dropLast())
    let node: SourceNode
    switch entry.kind {
    case .directory:
      node = entry.node(.directory([:]))
      try skipContent(entry)
      if let known = layer.tree.nodes[parent].children[name], layer.tree.nodes[known].isDirectory {
        return layer.tree.describe(known, as: node)
      }
    case .hardLink: return try link(path, in: parent, to: try self.path(entry.linkTarget))
    case .regular: node = entry.node(.regular(try content(of: entry)))
    case .symbolicLink:
      guard (1...Self.pathByteCountLimit).contains(entry.linkTarget.count),
        !entry.linkTarget.contains(0)
      else { throw malformed("a symbolic link that leads nowhere: \(name.text)") }
      node = entry.node(.symbolicLink(target: entry.linkTarget))
    case .device: node = entry.node(.device(entry.deviceNumber))
    case .fifo, .ignored, .unsupported: node = entry.node(.nothing)
    }
    layer.links[path] = nil
    layer.tree.setEntry(name, in: parent, to: layer.tree.add(node))
  }

  private mutating func noteWhiteout(_ name: FileName, in directory: [FileName]) {
    let text = name.bytes.dropFirst(4)
    if text.elementsEqual(".wh..opq".utf8) {
      layer.opaqueDirectories.append(directory)
    } else if !text.starts(with: ".wh.".utf8), !text.isEmpty {
      layer.whiteouts.append(directory + [FileName(Array(text))])
    }
  }

  private mutating func link(
    _ path: [FileName], in parent: Int, to target: [FileName]
  ) throws(TreeSourceError) {
    guard let name = path.last else { return }
    guard let known = layer.tree.node(at: target) else {
      guard isLayer else {
        throw malformed(
          "a hard link to \(target.text), which is absent")
      }
      linkCount += 1
      layer.links[path] = (linkCount, target)
      layer.tree.setEntry(name, in: parent, to: nil)
      return
    }
    guard !layer.tree.nodes[known].isDirectory else {
      throw malformed("a hard link to a directory")
    }
    layer.links[path] = nil
    layer.tree.setEntry(name, in: parent, to: known)
  }

  private mutating func skipContent(_ entry: TarEntry) throws(TreeSourceError) {
    guard entry.hasData else { return }
    try stream.skip(entry.storedByteCount)
    try skipPadding(entry.storedByteCount)
  }

  /// What a regular file holds, its data being next.
  private mutating func content(of entry: TarEntry) throws(TreeSourceError) -> FileContent {
    var runs = entry.sparseRuns
    var storedByteCount = entry.storedByteCount
    if entry.hasMoreSparseRuns {
      var goesOn = true
      while goesOn {
        guard runs.count <= Int(Self.headerByteCountLimit) / TarHeader.runByteCount else {
          throw malformed("a map of \(runs.count) runs")
        }
        let block = try stream.read(TarHeader.byteCount)
        runs += TarHeader.sparseRuns(block.rawSpan, at: 0, count: 21)
        goesOn = block[504] != 0
      }
    }
    if entry.hasSparseMapInData {
      let (map, byteCount) = try sparseMap()
      guard byteCount <= storedByteCount else { throw malformed("a damaged map of a sparse file") }
      runs = map
      storedByteCount -= byteCount
    }
    let (pieces, archive) = try store(storedByteCount)
    try skipPadding(storedByteCount)
    guard entry.isSparse else {
      return FileContent(pieces: pieces, of: archive, byteCount: storedByteCount)
    }
    let all = FileContent(pieces: pieces, of: archive, byteCount: storedByteCount)
    return FileContent(
      pieces: try place(runs, of: all, fileByteCount: entry.realByteCount), of: archive,
      byteCount: entry.realByteCount)
  }

  /// Puts the runs of a sparse file where they belong; its data are the runs in order.
  private func place(
    _ runs: [(offset: UInt64, byteCount: UInt64)], of data: FileContent, fileByteCount: UInt64
  ) throws(TreeSourceError) -> [FileContent.Piece] {
    var placed: [FileContent.Piece] = []
    var (position, end): (UInt64, UInt64) = (0, 0)
    for run in runs where run.byteCount > 0 {
      let range = ByteRange(offset: run.offset, byteCount: run.byteCount)
      guard let range, range.offset >= end, range.end <= fileByteCount,
        run.byteCount <= data.byteCount - position
      else { throw malformed("a damaged map of a sparse file") }
      for var piece in data.pieces(in: position..<position + run.byteCount)?.pieces ?? [] {
        piece.fileOffset += run.offset
        placed.append(piece)
      }
      position += run.byteCount
      end = range.end
    }
    return placed
  }

  /// The map at the start of the data of a sparse file of form 1.0: decimal lines, padded to whole
  /// blocks.
  private mutating func sparseMap() throws(TreeSourceError) -> (
    runs: [(offset: UInt64, byteCount: UInt64)], byteCount: UInt64
  ) {
    var numbers: [UInt64] = []
    var text: [UInt8] = []
    var byteCount: UInt64 = 0
    while numbers.isEmpty || UInt64(numbers.count) < 1 + 2 * numbers[0] {
      let block = try stream.read(TarHeader.byteCount)
      byteCount += UInt64(block.count)
      guard byteCount <= Self.headerByteCountLimit else {
        throw malformed("a damaged map of a sparse file")
      }
      for byte in block {
        guard byte == UInt8(ascii: "\n") else {
          text.append(byte)
          continue
        }
        if !numbers.isEmpty, UInt64(numbers.count) == 1 + 2 * numbers[0] { break }
        guard let number = TarAttributes.number(text), number < 1 << 62 else {
          throw malformed("a damaged map of a sparse file")
        }
        numbers.append(number)
        text = []
      }
    }
    let runs = stride(from: 1, to: numbers.count - 1, by: 2).map { (numbers[$0], numbers[$0 + 1]) }
    return (runs, byteCount)
  }

  /// Leaves the next `byteCount` bytes where they are, or spools them.
  private mutating func store(
    _ byteCount: UInt64
  ) throws(TreeSourceError) -> (pieces: [FileContent.Piece], archive: ArchiveFile) {
    if let stored = try stream.stored(byteCount) {
      try stream.skip(byteCount)
      return stored
    }
    var first: UInt64?
    var rest = byteCount
    while rest > 0 {
      let bytes = try stream.read(Int(min(rest, Self.pieceByteCount)))
      let offset = try spool.append(bytes.rawSpan)
      first = first ?? offset
      rest -= UInt64(bytes.count)
    }
    let pieces = first.map {
      [FileContent.Piece(fileOffset: 0, storedOffset: $0, byteCount: byteCount)]
    }
    return (pieces ?? [], try spool.archive())
  }
}
