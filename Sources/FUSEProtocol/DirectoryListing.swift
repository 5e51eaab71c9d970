internal import Bytes

/// The entries of a directory as they are put into a READDIR or READDIRPLUS reply.
///
/// | Offset | Size | Field                        |
/// |-------:|-----:|------------------------------|
/// |      0 |    8 | ino                          |
/// |      8 |    8 | off: where the next one is   |
/// |     16 |    4 | namelen                      |
/// |     20 |    4 | type                         |
/// |     24 |    n | name, padded to eight bytes  |
///
/// In READDIRPLUS the 128 bytes of a ``NodeEntry`` precede each. Nothing is allocated: entries go
/// straight to where the reply is sent from.
package struct DirectoryListing: ~Copyable, ~Escapable {
  private static let fixedByteCount = 24
  /// The kernel fails the whole listing over a longer name.
  private static let nameByteCountMax = 1024

  private var target: MutableRawSpan
  private let timeouts: CacheTimeouts
  /// The bytes in use.
  package private(set) var byteCount = 0
  /// Whether the kernel wants each name's attributes, to save it a LOOKUP.
  package let wantsAttributes: Bool

  /// An empty listing over `target`, whose size is the reader's room.
  @_lifetime(copy target)
  package init(
    into target: consuming MutableRawSpan, wantsAttributes: Bool, timeouts: CacheTimeouts
  ) {
    self.target = target
    self.wantsAttributes = wantsAttributes
    self.timeouts = timeouts
  }

  /// Adds an entry; false when it does not fit, and then the reader will come back for it.
  ///
  /// `node` is the number that `d_ino` shows, and ought to be the node's inode number. `nextCookie`
  /// is what reading goes on from after this entry; zero means the start. `entry` counts only when
  /// ``wantsAttributes``, and may be nil even then, as for "." and "..".
  ///
  /// A name that no system call could mention (empty, longer than 1,024 bytes, with a slash or a
  /// NUL) is left out: given one, the kernel would refuse the directory as a whole.
  @_lifetime(self: copy self)
  package mutating func append(
    name: RawSpan, node: NodeID, type: NodeType?, nextCookie: UInt64, entry: NodeEntry? = nil
  ) -> Bool {
    guard Self.isAcceptable(name) else { return true }
    let prefixByteCount = wantsAttributes ? NodeEntry.byteCount : 0
    let unpadded = prefixByteCount + Self.fixedByteCount + name.byteCount
    let end = byteCount + unpadded.roundedUp(toMultipleOf: 8)
    guard end <= target.byteCount else { return false }
    if wantsAttributes {
      _ = timeouts.encode(entry, into: &target, at: byteCount)
    }
    let start = byteCount + prefixByteCount
    target.store(node.rawValue, atByteOffset: start)
    target.store(nextCookie, atByteOffset: start + 8)
    target.store(UInt32(name.byteCount), atByteOffset: start + 16)
    target.store(UInt32(type?.rawValue ?? 0), atByteOffset: start + 20)
    target.copy(name, atByteOffset: start + Self.fixedByteCount)
    target.zero(byteCount + unpadded..<end)
    byteCount = end
    return true
  }

  private static func isAcceptable(_ name: RawSpan) -> Bool {
    guard 1...nameByteCountMax ~= name.byteCount else { return false }
    for index in 0..<name.byteCount {
      let byte = name.byte(at: index)
      if byte == 0 || byte == UInt8(ascii: "/") { return false }
    }
    return true
  }
}
