internal import Linux

/// Where the last reads of some files ended, to tell who reads on from who jumps.
///
/// Thread-safe.
final class ReadEnds: Sendable {
  private struct End: Sendable {
    var nid: UInt64
    var offset: UInt64
  }

  /// Files of which it is known, a power of two: those that fall into one place displace each other.
  private static let placeCount = 256

  private let ends = Lock([End](repeating: End(nid: .max, offset: 0), count: placeCount))

  /// Notes a read of the inode `nid`; returns whether it starts at 0 or where the last one ended.
  func note(_ nid: UInt64, from start: UInt64, to end: UInt64) -> Bool {
    let place = Int(truncatingIfNeeded: nid ^ nid >> 8) & (Self.placeCount - 1)
    return ends.withLock { ends in
      let last = ends[place]
      ends[place] = End(nid: nid, offset: end)
      return start == 0 || (last.nid == nid && last.offset == start)
    }
  }
}
