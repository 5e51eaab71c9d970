internal import Bytes
internal import Codecs
internal import Linux

/// The pages that were seen, image by image, but for those of zeros.
///
/// Pages are told apart by the first 96 bits of their SHA-256, which nobody can make collide at
/// will. The chance that any two of n different pages are taken for one is below n²/2^97: one in
/// 2^41 for a TiB of distinct pages, and then the report is 4 KiB too low. That is good enough to
/// count, and never to share by.
///
/// Takes 24 bytes for each distinct page at most, and 256 KiB in any case. Thread-safe.
final class PageCensus: Sendable {
  static let pageByteCount = 4096
  /// Compressed pages take a multiple of this.
  static let unitByteCount = 512
  /// A page that does not compress to seven eighths stays as it is.
  private static let compressedUnitLimit = 7

  /// By the topmost byte of the hash: many, so that threads seldom meet, and so that little is in
  /// memory twice while one grows.
  private let tables: [Lock<PageTable>]

  init() {
    tables = (0...UInt8.max).map { _ in Lock(PageTable()) }
  }

  /// Notes the pages of `content` in image number `image`, and counts them in `tally`.
  ///
  /// `content` starts a page of its file; its last page is filled up with zeros.
  func note(_ content: RawSpan, image: UInt32, in tally: inout SharingTally) {
    var offset = 0
    while content.byteCount - offset >= Self.pageByteCount {
      note(
        page: content.extracting(offset..<offset + Self.pageByteCount), image: image, in: &tally)
      offset += Self.pageByteCount
    }
    guard offset < content.byteCount else { return }
    var last = [UInt8](repeating: 0, count: Self.pageByteCount)
    var span = last.mutableRawSpan
    span.copy(content.extracting(offset..<content.byteCount))
    note(page: last.rawSpan, image: image, in: &tally)
  }

  private func note(page: RawSpan, image: UInt32, in tally: inout SharingTally) {
    guard !Self.isZero(page) else {
      tally.zeroPages += 1
      return
    }
    let digest = SHA256.digest(of: page)
    let hash = digest.bytes.rawSpan
    let key = PageTable.Key(
      high: hash.load(fromByteOffset: 0), low: hash.load(fromByteOffset: 8))
    let (sighting, units) = tables[Int(key.high >> 56)].withLock { table in
      table.note(key, image: image) { Self.compressedUnitCount(page) }
    }
    if sighting.isFirstInImage {
      tally.inImage.pages += 1
      tally.inImage.compressedUnits += UInt64(units)
    }
    if sighting.isFirstInSet {
      tally.inSet.pages += 1
      tally.inSet.compressedUnits += UInt64(units)
    }
  }

  private static func isZero(_ page: RawSpan) -> Bool {
    var offset = 0
    while offset < page.byteCount {
      if page.load(fromByteOffset: offset, as: UInt64.self) != 0 { return false }
      offset += 8
    }
    return true
  }

  /// What `page` takes compressed, in units; all of its own when it does not compress enough.
  private static func compressedUnitCount(_ page: RawSpan) -> UInt8 {
    let whole = pageByteCount / unitByteCount
    guard let compressed = LZ4.encode(page), !compressed.isEmpty else { return UInt8(whole) }
    let units = (compressed.count + unitByteCount - 1) / unitByteCount
    return UInt8(units <= compressedUnitLimit ? units : whole)
  }
}
