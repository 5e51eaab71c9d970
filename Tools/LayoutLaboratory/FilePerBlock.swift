internal import Linux

/// Option (3): an index of blocks in one file, and a data file for each slot, opened for each read
/// and write.
///
/// Data files are overwritten when their slot is used again.
final class FilePerBlock: Layout {
  static let name = "(3) file per block"
  private static let directoryCount = 64

  private var files: CountedFiles
  private var table: BlockTable
  private var versions: [Int: UInt8] = [:]

  init(in directory: String, plan: Plan) throws {
    files = CountedFiles(in: directory)
    guard let index = try files.open("index", creating: true) else {
      throw LaboratoryError("cannot make the index")
    }
    table = try BlockTable(index, slotCount: plan.slotCount)
  }

  private func directory(_ slot: Int) -> String { "\(slot % Self.directoryCount)" }

  func bind(_ object: Int, version: UInt8) throws {
    guard versions.updateValue(version, forKey: object) != version else { return }
    if table.drop(object, but: version) { try table.sync() }
  }

  func read(_ object: Int, _ block: Int, into target: inout MutableRawSpan) throws -> Bool {
    let key = BlockTable.Key(object: object, block: block)
    guard let slot = table.find(key, version: versions[object] ?? 0),
      let file = try files.open("\(directory(slot))/\(slot)")
    else { return false }
    return try file.read(into: &target, at: 0) == target.byteCount
  }

  func fill(_ object: Int, _ block: Int, with bytes: RawSpan) throws {
    let key = BlockTable.Key(object: object, block: block)
    let slot = try table.take(key, version: versions[object] ?? 0)
    try files.makeDirectory(directory(slot))
    let file = try files.open("\(directory(slot))/\(slot)", creating: true)
    try file?.write(bytes, at: 0)
  }

  func sync() throws {
    // Data and names first: the index names a file only when its bytes are there.
    try syncFilesystem(of: files.directory)
    try table.sync()
  }

  func cull(_ blockCount: Int) throws -> Int {
    let count = table.dropColdest(blockCount)
    try table.sync()
    return count
  }

  func abandon() {}

  var operations: OperationCounts { files.counts }
  var indexByteCount: Int { table.byteCount }
}
