internal import Bytes

/// What OPEN and OPENDIR are answered with.
///
/// | Offset | Size | Field      |
/// |-------:|-----:|------------|
/// |      0 |    8 | fh         |
/// |      8 |    4 | open_flags |
/// |     12 |    4 | backing_id |
package struct OpenReply: Equatable, Sendable {
  package static let byteCount = 16

  /// The server's name for the open file, which RELEASE repeats.
  package var handle: UInt64
  package var flags: OpenFlags
  /// Which registered file the kernel reads in place of asking; zero for none.
  package var backingID: Int32

  /// The kernel asks for pages of the file, and keeps them from one open to the next.
  package static func cached(handle: UInt64 = 0) -> OpenReply {
    OpenReply(flags: [.keepCache, .noFlush], handle: handle)
  }

  package init(flags: OpenFlags, handle: UInt64 = 0, backingID: Int32 = 0) {
    self.flags = flags
    self.handle = handle
    self.backingID = backingID
  }

  /// Writes the payload to the start of `target`; returns its size.
  package func encode(into target: inout MutableRawSpan) -> Int {
    target.store(handle, atByteOffset: 0)
    target.store(flags.rawValue, atByteOffset: 8)
    target.store(backingID, atByteOffset: 12)
    return Self.byteCount
  }
}

/// How a file that was opened is used; bits of the kernel's `FOPEN_*` flags.
package struct OpenFlags: OptionSet, Hashable, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// What read(2) and the like get is not kept in the page cache.
  package static let directIO = OpenFlags(rawValue: 1 << 0)
  /// Pages cached by an earlier open stay valid.
  package static let keepCache = OpenFlags(rawValue: 1 << 1)
  /// The kernel may keep the directory's listing.
  package static let cacheDirectory = OpenFlags(rawValue: 1 << 3)
  /// Closing sends no FLUSH.
  package static let noFlush = OpenFlags(rawValue: 1 << 5)
  /// The registered file is read in its place; goes with ``directIO`` and ``noFlush`` only.
  package static let passthrough = OpenFlags(rawValue: 1 << 7)
}
