internal import CLMDB

/// A failed LMDB call: which one, and what it means for whoever made it.
package struct LMDBError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What went wrong, as far as callers act on it.
  package enum Code: Hashable, Sendable {
    /// The map has no page left; even deleting needs some, so cull before this happens.
    case mapFull
    /// The transaction touches more pages than LMDB tracks; split it.
    case transactionFull
    /// The file is not an LMDB database, is of another version, or its pages contradict each other.
    case corrupted
    /// An earlier write left the environment unusable; only closing and reopening it helps.
    case fatal
    /// Too many readers at once.
    case readersFull
    /// A key or value has a size that LMDB does not take.
    case badSize
    /// The operating system refused, with this errno.
    case system(Int32)
    /// Any other LMDB status.
    case other(Int32)
  }

  package let code: Code
  /// The C function that failed.
  package let call: String

  package init(_ code: Code, call: String) {
    self.code = code
    self.call = call
  }

  package var description: String { "\(call): \(code)" }

  /// Throws what `status` says unless it is success.
  static func check(_ status: Int32, _ call: StaticString) throws(LMDBError) {
    if status == MDB_SUCCESS { return }
    throw LMDBError(Code(status: status), call: "\(call)")
  }
}

extension LMDBError.Code {
  fileprivate init(status: Int32) {
    self =
      switch status {
      case MDB_MAP_FULL: .mapFull
      case MDB_TXN_FULL: .transactionFull
      case MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_INVALID, MDB_VERSION_MISMATCH: .corrupted
      case MDB_PANIC: .fatal
      case MDB_READERS_FULL: .readersFull
      case MDB_BAD_VALSIZE: .badSize
      case 1...: .system(status)
      default: .other(status)
      }
  }
}
