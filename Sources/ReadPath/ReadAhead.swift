/// Recognises sequential readers of an object and says what to fetch before they ask.
///
/// A reader that continues where an earlier read ended gets a window that doubles with every step,
/// from ``firstWindow`` to ``lastWindow`` blocks; random readers never get one. Several readers of
/// one object are told apart, the least recently seen is forgotten first.
struct ReadAhead {
  /// 256 KiB of 64 KiB blocks: two blocks read in order are evidence, not proof.
  static let firstWindow: UInt32 = 4
  /// 2 MiB of 64 KiB blocks covers 20 ms of latency at 100 MB/s.
  static let lastWindow: UInt32 = 32
  /// A parallel reader's requests arrive out of order by about this many blocks.
  static let reordering: UInt32 = 16
  private static let streamLimit = 16

  private struct Stream {
    /// The block after the furthest one read.
    var next: UInt32
    /// The block after the furthest one fetched ahead.
    var issuedEnd: UInt32
    var window: UInt32
  }

  /// Most recently seen first.
  private var streams: [Stream] = []

  /// Notes a read of `blocks`, within an object of `blockCount`; returns what to fetch ahead.
  mutating func advance(past blocks: Range<UInt32>, of blockCount: UInt32) -> Range<UInt32> {
    let position = streams.firstIndex { stream in
      blocks.lowerBound <= stream.next && blocks.upperBound &+ Self.reordering >= stream.next
    }
    guard let position else {
      if streams.count == Self.streamLimit { streams.removeLast() }
      streams.insert(
        Stream(next: blocks.upperBound, issuedEnd: blocks.upperBound, window: 0), at: 0)
      return 0..<0
    }
    var stream = streams.remove(at: position)
    defer { streams.insert(stream, at: 0) }
    guard blocks.upperBound > stream.next else { return 0..<0 }
    stream.next = blocks.upperBound
    stream.window =
      stream.window == 0 ? Self.firstWindow : min(stream.window * 2, Self.lastWindow)
    stream.issuedEnd = max(stream.issuedEnd, stream.next)
    // Half a window in hand is enough: fewer and larger requests.
    guard stream.issuedEnd - stream.next <= stream.window / 2 else { return 0..<0 }
    let end = min(stream.next &+ stream.window, blockCount)
    guard end > stream.issuedEnd else { return 0..<0 }
    let ahead = stream.issuedEnd..<end
    stream.issuedEnd = end
    return ahead
  }
}
