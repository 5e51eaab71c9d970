/// A named table of an ``Environment``; valid for as long as the environment is open.
package struct Table: Sendable {
  /// How a table orders its keys.
  package enum KeyOrder: Sendable {
    /// Bytes, as `memcmp` compares them.
    case bytes
    /// Integers in native byte order; every key of the table must be of one width, 4 or 8 bytes.
    case integer
  }

  let handle: UInt32
}

/// How much of the map a table takes.
package struct TableSize: Hashable, Sendable {
  package let entryCount: Int
  /// Branch, leaf and overflow pages.
  package let pageCount: Int
}
