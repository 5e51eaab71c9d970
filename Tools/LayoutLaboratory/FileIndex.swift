internal import Bytes
internal import Linux

/// Option (5): an index of files, a page of block pointers for each, and one data file that stays
/// open.
///
/// Whole files are culled, those first that were not used for longest.
///
/// A page of 4 KiB holds a file's record and its pointers, with a hash that tells a torn one: its
/// file is a miss then. RAM has the records, the free blocks, and the pointers of a few files.
final class FileIndex: Layout {
  static let name = "(5) file index, pointers"
  private static let pageByteCount = 4096
  /// Hash (8), object (8), version (1) and a mark (1), then pointers of 4 bytes; 0 is no block.
  private static let headerByteCount = 24
  private static let cachedCountMax = 64

  private struct Record {
    var version: UInt8
    let page: Int
    var lastUse: UInt64
    var blockCount: Int
  }

  private let data: FileDescriptor
  private let pages: FileDescriptor
  private var records: [Int: Record] = [:]
  private var freePages: [Int] = []
  private var freeBlocks: [UInt32] = []
  private var pointers: [Int: [UInt32]] = [:]
  /// Objects whose pages the next ``sync()`` writes; their pointers stay in RAM until then.
  private var changed: Set<Int> = []
  private var clock: UInt64 = 0
  private var files: CountedFiles

  init(in directory: String, plan: Plan) throws {
    files = CountedFiles(in: directory)
    guard let data = try files.open("data", creating: true),
      let pages = try files.open("index", creating: true)
    else { throw LaboratoryError("cannot make the files") }
    precondition(
      plan.objectBlockCountMax <= (Self.pageByteCount - Self.headerByteCount) / 4,
      "an object with more blocks than a page has pointers")
    var isUsed = [Bool](repeating: false, count: plan.slotCount + 1)
    for page in 0..<plan.objectCount {
      let bytes = try pages.read(
        byteCount: Self.pageByteCount, at: UInt64(page * Self.pageByteCount))
      guard let (object, version, pointers) = Self.decode(bytes) else {
        freePages.append(page)
        continue
      }
      let blocks = pointers.filter { $0 != 0 && $0 < isUsed.count }
      for block in blocks { isUsed[Int(block)] = true }
      records[object] = Record(
        version: version, page: page, lastUse: 0, blockCount: blocks.count)
    }
    freeBlocks = (1...UInt32(plan.slotCount)).reversed().filter { !isUsed[Int($0)] }
    self.data = data
    self.pages = pages
  }

  func bind(_ object: Int, version: UInt8) throws {
    if let record = records[object] {
      if record.version == version { return }
      try remove([object])
    }
    guard let page = freePages.popLast() else { throw LaboratoryError("no page is free") }
    clock += 1
    records[object] = Record(version: version, page: page, lastUse: clock, blockCount: 0)
    pointers[object] = []
    changed.insert(object)
  }

  func read(_ object: Int, _ block: Int, into target: inout MutableRawSpan) throws -> Bool {
    let pointers = try loadPointers(of: object)
    guard block < pointers.count, pointers[block] != 0 else { return false }
    clock += 1
    records[object]?.lastUse = clock
    let offset = UInt64(pointers[block]) * UInt64(Plan.blockByteCount)
    return try data.read(into: &target, at: offset) == target.byteCount
  }

  func fill(_ object: Int, _ block: Int, with bytes: RawSpan) throws {
    var list = try loadPointers(of: object)
    guard let free = freeBlocks.popLast() else { throw LaboratoryError("no block is free") }
    try data.write(bytes, at: UInt64(free) * UInt64(Plan.blockByteCount))
    while list.count <= block { list.append(0) }
    list[block] = free
    pointers[object] = list
    records[object]?.blockCount += 1
    changed.insert(object)
  }

  func sync() throws {
    try data.syncData()
    for object in changed {
      guard let record = records[object] else { continue }
      let page = Self.encode(object, record.version, pointers[object] ?? [])
      try pages.write(page.rawSpan, at: UInt64(record.page * Self.pageByteCount))
    }
    changed.removeAll()
    try pages.syncData()
    if pointers.count > Self.cachedCountMax { pointers.removeAll(keepingCapacity: true) }
  }

  func cull(_ blockCount: Int) throws -> Int {
    var victims: [Int] = []
    var count = 0
    for (object, record) in records.sorted(by: { $0.value.lastUse < $1.value.lastUse }) {
      if count >= blockCount { break }
      victims.append(object)
      count += record.blockCount
    }
    try remove(victims)
    return count
  }

  /// Forgets files, durably, and then uses their blocks again.
  private func remove(_ objects: [Int]) throws {
    var blocks: [UInt32] = []
    let empty = [UInt8](repeating: 0, count: Self.pageByteCount)
    for object in objects {
      blocks += try loadPointers(of: object).filter { $0 != 0 }
      guard let record = records.removeValue(forKey: object) else { continue }
      pointers[object] = nil
      changed.remove(object)
      freePages.append(record.page)
      try pages.write(empty.rawSpan, at: UInt64(record.page * Self.pageByteCount))
    }
    try pages.syncData()
    freeBlocks += blocks
  }

  private func loadPointers(of object: Int) throws -> [UInt32] {
    if let loaded = pointers[object] { return loaded }
    guard let record = records[object] else { return [] }
    let bytes = try pages.read(
      byteCount: Self.pageByteCount, at: UInt64(record.page * Self.pageByteCount))
    let loaded = Self.decode(bytes)?.pointers ?? []
    if pointers.count >= Self.cachedCountMax,
      let other = pointers.keys.first(where: { !changed.contains($0) })
    {
      pointers[other] = nil
    }
    pointers[object] = loaded
    return loaded
  }

  func abandon() {}

  var operations: OperationCounts { files.counts }

  var indexByteCount: Int {
    let perRecord = MemoryLayout<Int>.stride + MemoryLayout<Record>.stride
    return records.capacity * 4 / 3 * perRecord + freeBlocks.capacity * 4
      + pointers.values.reduce(0) { $0 + $1.capacity * 4 }
  }
}

extension FileIndex {
  private static func encode(_ object: Int, _ version: UInt8, _ pointers: [UInt32]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: pageByteCount)
    var span = bytes.mutableRawSpan
    span.store(UInt64(object), atByteOffset: 8)
    span.store(UInt16(version) | 1 << 8, atByteOffset: 16)
    for (index, pointer) in pointers.enumerated() {
      span.store(pointer, atByteOffset: headerByteCount + 4 * index)
    }
    let hash = XXH64.hash(bytes.rawSpan.extracting(8..<pageByteCount))
    var hashed = bytes.mutableRawSpan
    hashed.store(hash, atByteOffset: 0)
    return bytes
  }

  /// Nil when the page is free, torn or was never written.
  private static func decode(
    _ bytes: [UInt8]
  ) -> (object: Int, version: UInt8, pointers: [UInt32])? {
    guard bytes.count == pageByteCount, bytes[17] == 1 else { return nil }
    let span = bytes.rawSpan
    guard
      span.load(fromByteOffset: 0, as: UInt64.self)
        == XXH64.hash(span.extracting(8..<pageByteCount))
    else { return nil }
    var pointers = stride(from: headerByteCount, to: pageByteCount, by: 4).map {
      span.load(fromByteOffset: $0, as: UInt32.self)
    }
    while pointers.last == 0 { pointers.removeLast() }
    return (Int(span.load(fromByteOffset: 8, as: UInt64.self)), bytes[16], pointers)
  }
}
