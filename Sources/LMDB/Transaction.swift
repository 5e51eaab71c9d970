internal import Bytes
internal import CLMDB

/// A snapshot of an ``Environment``, or its one set of changes in the making.
///
/// Values are lent, not copied: the compiler keeps a `RawSpan` within the life of its transaction,
/// and refuses a change while one is held, for LMDB may move what it points to. Only
/// ``Environment/write(_:)`` hands out an `inout` transaction, so a reader cannot call `put`.
@safe
package struct Transaction: ~Copyable {
  let handle: OpaquePointer

  /// Takes over `handle`, a transaction that nobody else ends.
  @unsafe
  init(adopting handle: OpaquePointer) {
    unsafe self.handle = handle
  }

  deinit {
    unsafe mdb_txn_abort(handle)
  }

  consuming func commit() throws(LMDBError) {
    let handle = unsafe self.handle
    discard self  // a failed commit has freed the transaction, too
    try LMDBError.check(unsafe mdb_txn_commit(handle), "mdb_txn_commit")
  }

  /// What `table` holds for `key`, or nil.
  @_lifetime(borrow self)
  package func value(for key: RawSpan, in table: Table) throws(LMDBError) -> RawSpan? {
    var found = unsafe MDB_val()
    let status = unsafe key.withUnsafeBytes { bytes in
      var key = unsafe MDB_val(borrowing: bytes)
      return unsafe mdb_get(handle, table.handle, &key, &found)
    }
    if status == MDB_NOTFOUND { return nil }
    try LMDBError.check(status, "mdb_get")
    return unsafe _overrideLifetime(RawSpan(lentBy: found), borrowing: self)
  }

  /// ``value(for:in:)`` for a table of 4-byte integer keys.
  @_lifetime(borrow self)
  package func value(for key: UInt32, in table: Table) throws(LMDBError) -> RawSpan? {
    try value(for: nativeKey(key).rawSpan, in: table)
  }

  /// ``value(for:in:)`` for a table of 8-byte integer keys.
  @_lifetime(borrow self)
  package func value(for key: UInt64, in table: Table) throws(LMDBError) -> RawSpan? {
    try value(for: nativeKey(key).rawSpan, in: table)
  }

  /// Stores `value` for `key`, in place of what was there.
  package mutating func put(
    _ value: RawSpan, for key: RawSpan, in table: Table
  ) throws(LMDBError) {
    let status = unsafe key.withUnsafeBytes { keyBytes in
      unsafe value.withUnsafeBytes { valueBytes in
        var key = unsafe MDB_val(borrowing: keyBytes)
        var value = unsafe MDB_val(borrowing: valueBytes)
        return unsafe mdb_put(handle, table.handle, &key, &value, 0)
      }
    }
    try LMDBError.check(status, "mdb_put")
  }

  /// ``put(_:for:in:)`` for a table of 4-byte integer keys.
  package mutating func put(
    _ value: RawSpan, for key: UInt32, in table: Table
  ) throws(LMDBError) {
    try put(value, for: nativeKey(key).rawSpan, in: table)
  }

  /// ``put(_:for:in:)`` for a table of 8-byte integer keys.
  package mutating func put(
    _ value: RawSpan, for key: UInt64, in table: Table
  ) throws(LMDBError) {
    try put(value, for: nativeKey(key).rawSpan, in: table)
  }

  /// Removes `key`; false when it was not there.
  @discardableResult
  package mutating func delete(_ key: RawSpan, in table: Table) throws(LMDBError) -> Bool {
    let status = unsafe key.withUnsafeBytes { bytes in
      var key = unsafe MDB_val(borrowing: bytes)
      return unsafe mdb_del(handle, table.handle, &key, nil)
    }
    if status == MDB_NOTFOUND { return false }
    try LMDBError.check(status, "mdb_del")
    return true
  }

  /// ``delete(_:in:)`` for a table of 4-byte integer keys.
  @discardableResult
  package mutating func delete(_ key: UInt32, in table: Table) throws(LMDBError) -> Bool {
    try delete(nativeKey(key).rawSpan, in: table)
  }

  /// ``delete(_:in:)`` for a table of 8-byte integer keys.
  @discardableResult
  package mutating func delete(_ key: UInt64, in table: Table) throws(LMDBError) -> Bool {
    try delete(nativeKey(key).rawSpan, in: table)
  }

  /// Removes the entries of `table` whose keys begin with `prefix`, `countMax` at most; returns how
  /// many there were.
  @discardableResult
  package mutating func delete(
    withPrefix prefix: RawSpan, in table: Table, countMax: Int = .max
  ) throws(LMDBError) -> Int {
    var opened: OpaquePointer?
    try LMDBError.check(
      unsafe mdb_cursor_open(handle, table.handle, &opened), "mdb_cursor_open")
    guard let cursor = unsafe opened else { throw LMDBError(.fatal, call: "mdb_cursor_open") }
    defer { unsafe mdb_cursor_close(cursor) }
    var count = 0
    while count < countMax {
      var key = unsafe MDB_val()
      var value = unsafe MDB_val()
      let status = unsafe prefix.withUnsafeBytes { bytes in
        unsafe key = MDB_val(borrowing: bytes)
        return unsafe mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE)
      }
      if status == MDB_NOTFOUND { break }
      try LMDBError.check(status, "mdb_cursor_get")
      guard unsafe RawSpan(lentBy: key).starts(with: prefix) else { break }
      try LMDBError.check(unsafe mdb_cursor_del(cursor, 0), "mdb_cursor_del")
      count += 1
    }
    return count
  }

  /// The space that `table` takes.
  package func size(of table: Table) throws(LMDBError) -> TableSize {
    var size = MDB_stat()
    try LMDBError.check(unsafe mdb_stat(handle, table.handle, &size), "mdb_stat")
    return TableSize(
      entryCount: size.ms_entries,
      pageCount: size.ms_branch_pages + size.ms_leaf_pages + size.ms_overflow_pages)
  }

  /// The table called `name`, for use within a transaction that only reads; it must exist.
  package func existingTable(_ name: String) throws(LMDBError) -> Table {
    try openTable(name, flags: 0)
  }

  func openTable(_ name: String, flags: UInt32) throws(LMDBError) -> Table {
    var table: UInt32 = 0
    try LMDBError.check(unsafe mdb_dbi_open(handle, name, flags, &table), "mdb_dbi_open")
    return Table(handle: table)
  }
}

/// An integer key as LMDB compares it: native byte order.
private func nativeKey(_ key: UInt32) -> [UInt8] {
  unsafe withUnsafeBytes(of: key) { unsafe [UInt8]($0) }
}
private func nativeKey(_ key: UInt64) -> [UInt8] {
  unsafe withUnsafeBytes(of: key) { unsafe [UInt8]($0) }
}

extension MDB_val {
  /// A description of `bytes`, which must stay put for the call; LMDB only reads through it.
  @unsafe
  init(borrowing bytes: UnsafeRawBufferPointer) {
    unsafe self.init(
      mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
  }
}

extension RawSpan {
  fileprivate func starts(with prefix: RawSpan) -> Bool {
    guard byteCount >= prefix.byteCount else { return false }
    return (0..<prefix.byteCount).allSatisfy { byte(at: $0) == prefix.byte(at: $0) }
  }

  /// The bytes that LMDB points to; the caller ties them to their transaction.
  @unsafe
  @_lifetime(immortal)
  init(lentBy value: MDB_val) {
    guard let data = unsafe value.mv_data else {
      self = RawSpan()
      return
    }
    let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(data), byteCount: value.mv_size)
    self = unsafe _overrideLifetime(span, copying: ())
  }
}
