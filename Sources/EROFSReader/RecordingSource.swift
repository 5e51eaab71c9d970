internal import Bytes
internal import Linux

/// A source that notes what is read of it, for whoever must know what a reader needs.
///
/// Thread-safe.
package final class RecordingSource: BlockSource {
  private let source: any BlockSource
  private let noted = Lock([Range<UInt64>]())

  package init(_ source: any BlockSource) {
    self.source = source
  }

  package var byteCount: UInt64 { source.byteCount }

  /// The bytes read or noted so far, in the order in which they were.
  package var ranges: [Range<UInt64>] { noted.withLock { $0 } }

  package func read(into target: inout MutableRawSpan, at offset: UInt64) throws(SourceError) {
    try source.read(into: &target, at: offset)
    note(offset..<offset + UInt64(target.byteCount))
  }

  /// Notes bytes that are not read now; beyond the end there are none.
  package func note(_ range: Range<UInt64>) {
    let range = range.clamped(to: 0..<byteCount)
    guard !range.isEmpty else { return }
    noted.withLock { ranges in
      if let last = ranges.last, last.upperBound == range.lowerBound {
        ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
      } else {
        ranges.append(range)
      }
    }
  }
}
