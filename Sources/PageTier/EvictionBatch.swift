internal import Bytes
internal import Codecs

/// Victims on their way into the compressed part, and the memory in which they are compressed.
///
/// One thread's at a time; made beforehand, so that evicting allocates nothing.
@safe
final class EvictionBatch: @unchecked Sendable {
  /// Victims between two turns of the tier's lock.
  static let countMax = 8
  /// The most bytes that a compressed page may take: seven eighths.
  static let compressedByteCountMax = PageContent.pageByteCount / 8 * 7

  private(set) var count = 0
  private var pages = [UInt32](repeating: 0, count: countMax)
  private var byteCounts = [Int](repeating: 0, count: countMax)
  private let memory: UnsafeMutableRawPointer

  init() {
    unsafe memory = .allocate(
      byteCount: Self.countMax * Self.compressedByteCountMax, alignment: 64)
  }

  deinit {
    unsafe memory.deallocate()
  }

  /// Adds `page`, which the caller has pinned.
  func append(_ page: UInt32) {
    pages[count] = page
    count += 1
  }

  func removeAll() {
    count = 0
  }

  func page(_ index: Int) -> UInt32 { pages[index] }

  /// What page `index` was compressed to; 0 when that does not pay.
  func byteCount(_ index: Int) -> Int { byteCounts[index] }

  @unsafe
  func bytes(_ index: Int) -> UnsafeMutableRawPointer {
    unsafe memory + index * Self.compressedByteCountMax
  }

  /// Compresses the pages; takes some 9 µs for each, and no lock.
  func compress(_ elements: PageElements, in bytes: ArenaBytes) {
    for index in 0..<count {
      let frame = elements[location: pages[index]]
      let source = unsafe RawSpan(
        _unsafeStart: bytes.address(ofFrame: frame), byteCount: PageContent.pageByteCount)
      var target = unsafe MutableRawSpan(
        _unsafeStart: self.bytes(index), byteCount: Self.compressedByteCountMax)
      byteCounts[index] = LZ4.encode(source, into: &target) ?? 0
    }
  }
}
