internal import Bytes

/// The blocks of an object that culling must leave: ascending ranges that do not touch.
///
/// On disk, one entry of the index's `pin` table for an object:
///
/// | Offset  | Size | Field  |                                                    |
/// |--------:|-----:|--------|----------------------------------------------------|
/// | 0       |  8 n | ranges | first block, block after the last; 4 bytes each    |
/// | 8 n     |    8 | check  | XXH64 of the ranges, seeded with the object's identity |
package struct PinnedBlocks: Hashable, Sendable {
  /// Every block there is or will be; kept when the object changes, as other pins are not.
  package static let whole = PinnedBlocks(ranges: [0..<UInt32.max])
  /// More ranges than this are joined over their smallest gaps: the record stays within a page.
  package static let rangeCountMax = 128

  package private(set) var ranges: [Range<UInt32>] = []

  /// The union of `ranges`, or a little more, see ``rangeCountMax``.
  package init(ranges: [Range<UInt32>]) {
    for range in ranges.filter({ !$0.isEmpty }).sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = self.ranges.last, range.lowerBound <= last.upperBound {
        self.ranges[self.ranges.count - 1] =
          last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        self.ranges.append(range)
      }
    }
    joinNearest()
  }

  var isEmpty: Bool { ranges.isEmpty }
  var isWhole: Bool { self == Self.whole }

  func contains(_ block: UInt32) -> Bool {
    // The first range that ends after the block is the only one that can have it.
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound <= block { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].contains(block)
  }

  /// The blocks of either.
  package func union(_ other: PinnedBlocks) -> PinnedBlocks {
    PinnedBlocks(ranges: ranges + other.ranges)
  }

  /// The blocks that `other` has not.
  package func subtracting(_ other: PinnedBlocks) -> PinnedBlocks {
    var rest = ranges
    for hole in other.ranges {
      rest = rest.flatMap { range in
        [
          range.clamped(to: 0..<hole.lowerBound),
          range.clamped(to: hole.upperBound..<UInt32.max),
        ].filter { !$0.isEmpty }
      }
    }
    return PinnedBlocks(ranges: rest)
  }

  /// The blocks among the first `blockCount`.
  func clamped(to blockCount: UInt32) -> [Range<UInt32>] {
    ranges.map { $0.clamped(to: 0..<blockCount) }.filter { !$0.isEmpty }
  }

  private mutating func joinNearest() {
    guard ranges.count > Self.rangeCountMax else { return }
    let gaps = (1..<ranges.count).map { index in
      (index: index, byteCount: ranges[index].lowerBound - ranges[index - 1].upperBound)
    }
    let surplus = ranges.count - Self.rangeCountMax
    let joined = Set(gaps.sorted { $0.byteCount < $1.byteCount }.prefix(surplus).map(\.index))
    var kept: [Range<UInt32>] = []
    for (index, range) in ranges.enumerated() {
      if joined.contains(index), let last = kept.popLast() {
        kept.append(last.lowerBound..<range.upperBound)
      } else {
        kept.append(range)
      }
    }
    ranges = kept
  }
}

extension PinnedBlocks {
  /// Decodes the record of object `id`; nil when it is damaged or another object's.
  init?(decoding bytes: RawSpan, id: UInt64) {
    guard bytes.byteCount >= 16, bytes.byteCount % 8 == 0,
      bytes.byteCount / 8 - 1 <= Self.rangeCountMax
    else { return nil }
    let end = bytes.byteCount - 8
    guard
      bytes.load(fromByteOffset: end, as: UInt64.self)
        == XXH64.hash(bytes.extracting(0..<end), seed: id)
    else { return nil }
    var ranges: [Range<UInt32>] = []
    for offset in stride(from: 0, to: end, by: 8) {
      let first: UInt32 = bytes.load(fromByteOffset: offset)
      let limit: UInt32 = bytes.load(fromByteOffset: offset + 4)
      guard first < limit, first > ranges.last?.upperBound ?? 0 || ranges.isEmpty else {
        return nil
      }
      ranges.append(first..<limit)
    }
    self.init(ranges: ranges)
  }

  /// The record's bytes, checked as belonging to object `id`.
  func encoded(id: UInt64) -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 8 * ranges.count + 8)
    for range in ranges {
      writer.append(range.lowerBound)
      writer.append(range.upperBound)
    }
    writer.append(XXH64.hash(writer.bytes.rawSpan, seed: id))
    return writer.bytes
  }
}
