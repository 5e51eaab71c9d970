internal import Bytes
internal import Linux

/// Option (0a): a file for each object, its coherency data in an extended attribute, and what is
/// present told from the filesystem's holes.
///
/// Every operation opens its file. Culling reads the tree and removes the files that were not read for longest, as cachefilesd does.
/// One `syncfs` makes a batch durable, which is cheaper here than a flush for each file.
final class FilePerObject: Layout {
  static let name = "(0a) file per object"
  private static let directoryCount = 256

  private var files: CountedFiles
  /// What the caller has bound, as the netfs would have it.
  private var versions: [Int: UInt8] = [:]

  init(in directory: String, plan: Plan) throws {
    files = CountedFiles(in: directory)
  }

  private func name(_ object: Int) -> String { "\(object % Self.directoryCount)/\(object)" }

  func bind(_ object: Int, version: UInt8) throws {
    versions[object] = version
    guard let file = try files.open(name(object)) else { return }
    if files.attribute(of: file) == version { return }
    try files.truncate(file)
    try files.setAttribute(version, of: file)
  }

  func read(_ object: Int, _ block: Int, into target: inout MutableRawSpan) throws -> Bool {
    guard let file = try files.open(name(object)) else { return false }
    let offset = block * Plan.blockByteCount
    guard files.hasData(offset..<offset + Plan.blockByteCount, in: file) else { return false }
    return try file.read(into: &target, at: UInt64(offset)) == target.byteCount
  }

  func fill(_ object: Int, _ block: Int, with bytes: RawSpan) throws {
    var existing = try files.open(name(object))
    if existing == nil {
      try files.makeDirectory("\(object % Self.directoryCount)")
      guard let made = try files.open(name(object), creating: true) else { return }
      try files.setAttribute(versions[object] ?? 0, of: made)
      existing = consume made
    }
    try existing?.write(bytes, at: UInt64(block * Plan.blockByteCount))
  }

  func sync() throws { try syncFilesystem(of: files.directory) }

  func cull(_ blockCount: Int) throws -> Int {
    var candidates: [(name: String, lastUse: Int, sectorCount: Int)] = []
    for directory in try files.names(in: ".") where Int(directory) != nil {
      for file in try files.names(in: directory) {
        let name = "\(directory)/\(file)"
        let (lastUse, sectorCount) = try files.usage(of: name)
        candidates.append((name, lastUse, sectorCount))
      }
    }
    candidates.sort { $0.lastUse < $1.lastUse }
    var sectorCount = 0
    for candidate in candidates {
      if sectorCount * 512 >= blockCount * Plan.blockByteCount { break }
      try files.remove(candidate.name)
      sectorCount += candidate.sectorCount
    }
    try sync()
    return sectorCount * 512 / Plan.blockByteCount
  }

  func abandon() {}

  var operations: OperationCounts { files.counts }

  /// The index is the filesystem's, in the kernel's memory.
  var indexByteCount: Int { 0 }
}
