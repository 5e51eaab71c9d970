internal import CLMDB

/// Walks a table in key order, within one transaction.
///
/// ```swift
/// var cursor = try TableCursor(over: table, in: transaction)
/// while try cursor.next() { use(cursor.key, cursor.value) }
/// ```
@safe
package struct TableCursor: ~Copyable, ~Escapable {
  private let handle: OpaquePointer
  private var currentKey = unsafe MDB_val()
  private var currentValue = unsafe MDB_val()

  /// A cursor before the first entry of `table`.
  @_lifetime(borrow transaction)
  package init(over table: Table, in transaction: borrowing Transaction) throws(LMDBError) {
    var opened: OpaquePointer?
    try LMDBError.check(
      unsafe mdb_cursor_open(transaction.handle, table.handle, &opened), "mdb_cursor_open")
    guard let cursor = unsafe opened else { throw LMDBError(.fatal, call: "mdb_cursor_open") }
    unsafe handle = cursor
  }

  deinit {
    unsafe mdb_cursor_close(handle)
  }

  /// Moves to the first entry whose key is `first` or comes after it; false when there is none.
  @_lifetime(self: copy self)
  package mutating func seek(to first: RawSpan) throws(LMDBError) -> Bool {
    var key = unsafe MDB_val()
    var value = unsafe MDB_val()
    let status = unsafe first.withUnsafeBytes { bytes in
      unsafe key = MDB_val(borrowing: bytes)
      return unsafe mdb_cursor_get(handle, &key, &value, MDB_SET_RANGE)
    }
    if status == MDB_NOTFOUND { return false }
    try LMDBError.check(status, "mdb_cursor_get")
    unsafe currentKey = key
    unsafe currentValue = value
    return true
  }

  /// Moves to the next entry; false when there is none.
  @_lifetime(self: copy self)
  package mutating func next() throws(LMDBError) -> Bool {
    var key = unsafe MDB_val()
    var value = unsafe MDB_val()
    let status = unsafe mdb_cursor_get(handle, &key, &value, MDB_NEXT)
    if status == MDB_NOTFOUND { return false }
    try LMDBError.check(status, "mdb_cursor_get")
    unsafe currentKey = key
    unsafe currentValue = value
    return true
  }

  /// The entry's key; empty before the first ``next()``.
  package var key: RawSpan {
    @_lifetime(borrow self)
    get { unsafe _overrideLifetime(RawSpan(lentBy: currentKey), borrowing: self) }
  }

  /// The entry's value; empty before the first ``next()``.
  package var value: RawSpan {
    @_lifetime(borrow self)
    get { unsafe _overrideLifetime(RawSpan(lentBy: currentValue), borrowing: self) }
  }
}
