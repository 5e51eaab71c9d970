internal import CLMDB

/// An LMDB environment: one memory-mapped index file and its lock file.
///
/// Invariants:
/// - Commits are synchronous: two device flushes, after which the transaction survives a power cut.
///   There is no option to relax that, nor to write through the map.
/// - Read transactions belong to no thread (`MDB_NOTLS`); a write transaction begins and ends
///   within one call on one thread. Any thread may call any method.
/// - The file is open once in a process. LMDB loses its locks otherwise; the owner of the directory
///   sees to it.
/// - A read transaction keeps every page it can see from reuse, so none outlives its closure, and
///   the closure must do no I/O of its own and wait for nobody.
@safe
package final class Environment: Sendable {
  private nonisolated(unsafe) let handle: OpaquePointer

  /// Opens the environment in `directory`, which exists; creates its files when absent.
  ///
  /// `mapByteCount` is the most the file can ever hold, a multiple of the page size.
  package convenience init(
    opening directory: String, mapByteCount: Int, tableCount: Int, mode: UInt32 = 0o600
  ) throws(LMDBError) {
    try self.init(
      directory, mapByteCount: mapByteCount, tableCount: tableCount, flags: MDB_NOTLS, mode: mode)
  }

  /// Opens the environment in `directory` for reading alone, while nobody writes to it.
  ///
  /// Touches no file but its data, and takes no lock.
  package convenience init(
    inspecting directory: String, mapByteCount: Int, tableCount: Int
  ) throws(LMDBError) {
    try self.init(
      directory, mapByteCount: mapByteCount, tableCount: tableCount,
      flags: MDB_NOTLS | MDB_RDONLY | MDB_NOLOCK, mode: 0)
  }

  private init(
    _ directory: String, mapByteCount: Int, tableCount: Int, flags: Int32, mode: UInt32
  ) throws(LMDBError) {
    var created: OpaquePointer?
    try LMDBError.check(unsafe mdb_env_create(&created), "mdb_env_create")
    guard let environment = unsafe created else { throw LMDBError(.fatal, call: "mdb_env_create") }
    do throws(LMDBError) {
      try LMDBError.check(
        unsafe mdb_env_set_mapsize(environment, mapByteCount), "mdb_env_set_mapsize")
      try LMDBError.check(
        unsafe mdb_env_set_maxdbs(environment, UInt32(clamping: tableCount)), "mdb_env_set_maxdbs")
      try LMDBError.check(
        unsafe mdb_env_open(environment, directory, UInt32(flags) | Self.mutantFlags, mode),
        "mdb_env_open")
    } catch {
      // Also right after a failed mdb_env_open, which leaves the handle half made.
      unsafe mdb_env_close(environment)
      throw error
    }
    unsafe handle = environment
  }

  /// What a fault made on purpose adds, see ``Mutant``.
  private static var mutantFlags: UInt32 {
    var flags: UInt32 = 0
    #if CULLET_MUTANTS
    if Mutant.active == .earlyRecycleWithoutMetaSync { flags |= UInt32(MDB_NOMETASYNC) }
    if Mutant.active == .noSync { flags |= UInt32(MDB_NOSYNC) }
    #endif
    return flags
  }

  deinit {
    unsafe mdb_env_close(handle)
  }

  /// Runs `body` on a snapshot of the environment; it must be brief (see the invariants).
  package func read<Result>(
    _ body: (borrowing Transaction) throws(LMDBError) -> Result
  ) throws(LMDBError) -> Result {
    let transaction = try begin(UInt32(MDB_RDONLY))
    return try body(transaction)
  }

  /// Runs `body` in the one write transaction there can be, waiting for its turn, and commits it.
  ///
  /// When `body` or the commit throws, nothing has changed.
  package func write<Result>(
    _ body: (inout Transaction) throws(LMDBError) -> Result
  ) throws(LMDBError) -> Result {
    var transaction = try begin(0)
    let result = try body(&transaction)
    try transaction.commit()
    return result
  }

  /// Opens the table called `name`, creating it when absent.
  package func openTable(
    _ name: String, keys: Table.KeyOrder = .bytes
  ) throws(LMDBError) -> Table {
    let flags = UInt32(MDB_CREATE) | (keys == .integer ? UInt32(MDB_INTEGERKEY) : 0)
    return try write { transaction throws(LMDBError) in
      try transaction.openTable(name, flags: flags)
    }
  }

  /// Forgets readers whose process died: they would keep old pages from reuse for ever.
  @discardableResult
  package func clearDeadReaders() -> Int {
    var count: Int32 = 0
    guard unsafe mdb_reader_check(handle, &count) == MDB_SUCCESS else { return 0 }
    return Int(count)
  }

  /// The most bytes the index file can hold.
  package var mapByteCount: Int {
    var info = unsafe MDB_envinfo()
    guard unsafe mdb_env_info(handle, &info) == MDB_SUCCESS else { return 0 }
    return unsafe info.me_mapsize
  }

  /// Sets the most bytes that the index file can hold; no transaction of this process may be open.
  package func setMapByteCount(_ byteCount: Int) throws(LMDBError) {
    try LMDBError.check(unsafe mdb_env_set_mapsize(handle, byteCount), "mdb_env_set_mapsize")
  }

  /// The bytes of a page, the unit of ``TableSize/pageCount``.
  package var pageByteCount: Int {
    var size = MDB_stat()
    guard unsafe mdb_env_stat(handle, &size) == MDB_SUCCESS else { return 0 }
    return Int(size.ms_psize)
  }

  private func begin(_ flags: UInt32) throws(LMDBError) -> Transaction {
    var begun: OpaquePointer?
    try LMDBError.check(unsafe mdb_txn_begin(handle, nil, flags, &begun), "mdb_txn_begin")
    guard let transaction = unsafe begun else { throw LMDBError(.fatal, call: "mdb_txn_begin") }
    return unsafe Transaction(adopting: transaction)
  }
}
