/// A way of keeping blocks of objects on disk.
///
/// Small and honest versions: each does what its proposal says, has what it needs to survive a
/// killed process and a power cut after ``sync()``, and nothing else. One thread uses a layout.
protocol Layout: AnyObject {
  static var name: String { get }

  /// Opens what is in `directory`, which exists and may be empty.
  init(in directory: String, plan: Plan) throws

  /// Makes an object known, in a version; what was cached of another version is gone.
  func bind(_ object: Int, version: UInt8) throws

  /// Reads a block of a bound object into `target`; false for a miss.
  func read(_ object: Int, _ block: Int, into target: inout MutableRawSpan) throws -> Bool

  /// Takes a block in; durable after ``sync()``.
  func fill(_ object: Int, _ block: Int, with bytes: RawSpan) throws

  /// Makes all fills durable, and found again after a crash.
  func sync() throws

  /// Frees at least `blockCount` blocks, coldest first; returns how many.
  func cull(_ blockCount: Int) throws -> Int

  /// Ends as a killed process would.
  func abandon()

  var operations: OperationCounts { get }

  /// Bytes in RAM that say what is cached and where.
  var indexByteCount: Int { get }
}

/// What a layout has room for.
struct Plan {
  static let blockByteCount = 64 << 10

  let slotCount: Int
  let objectCount: Int
  /// The most blocks of one object.
  let objectBlockCountMax: Int
}

/// Calls that change or search the filesystem's own metadata, for which the caller waits.
struct OperationCounts {
  /// Files opened by path.
  var opens = 0
  /// Files and directories made or removed, and files resized, apart from those made at first.
  var nameChanges = 0
  /// Extended attributes read or set.
  var attributes = 0
  /// Searches for data or holes.
  var searches = 0

  var total: Int { opens + nameChanges + attributes + searches }

  static func - (left: OperationCounts, right: OperationCounts) -> OperationCounts {
    OperationCounts(
      opens: left.opens - right.opens, nameChanges: left.nameChanges - right.nameChanges,
      attributes: left.attributes - right.attributes, searches: left.searches - right.searches)
  }
}

struct LaboratoryError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}
