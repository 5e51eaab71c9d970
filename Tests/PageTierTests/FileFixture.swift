import Bytes
import PageTier
import TestSupport

/// Pages of all kinds, out of which the tests make their files: incompressible, compressible to many
/// degrees, alike but for one byte, and zeros.
struct PageLibrary: Sendable {
  static let pageByteCount = 4096

  let pages: [[UInt8]]

  init(count: Int, using generator: inout SeededGenerator) {
    var pages: [[UInt8]] = []
    for index in 0..<count {
      var page = [UInt8](repeating: 0, count: Self.pageByteCount)
      switch index % 5 {
      case 0: break
      case 1: page = generator.bytes(count: Self.pageByteCount)
      case 2:
        page = pages.last ?? page
        page[Int.random(in: 0..<Self.pageByteCount, using: &generator)] ^= 1
      default:
        let noise = generator.bytes(count: 16 + index % 97 * 37)
        for offset in 0..<Self.pageByteCount { page[offset] = noise[offset % noise.count] }
      }
      pages.append(page)
    }
    self.pages = pages
  }
}

/// A file whose content follows from its number and version.
struct FileFixture: Sendable {
  let library: PageLibrary
  let number: Int
  let version: Int
  let byteCount: Int

  /// The page of the library that page `index` is.
  private func libraryIndex(of index: Int) -> Int {
    (number * 31 + version * 17 + index * 7) % library.pages.count
  }

  /// The bytes of `range`.
  func bytes(_ range: Range<Int>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(range.count)
    var offset = range.lowerBound
    while offset < range.upperBound {
      let within = offset % PageLibrary.pageByteCount
      let length = min(PageLibrary.pageByteCount - within, range.upperBound - offset)
      let page = library.pages[libraryIndex(of: offset / PageLibrary.pageByteCount)]
      result += page[within..<within + length]
      offset += length
    }
    return result
  }
}

extension PageTier {
  /// Reads `range` as a filesystem would: what is here from here, and the rest from `fixture`, to be
  /// kept.
  func readThrough(
    _ file: TierFile, _ range: Range<Int>, of fixture: FileFixture, by volume: TierVolume
  ) -> [UInt8] {
    var target = [UInt8](repeating: 0xA5, count: range.count)
    var span = target.mutableRawSpan
    var filled = 0
    while filled < range.count {
      var rest = span[bytes: filled..<range.count]
      filled += read(file, at: UInt64(range.lowerBound + filled), into: &rest, by: volume)
      guard filled < range.count else { break }
      let start = range.lowerBound + filled
      let missing = missingByteCount(
        in: file, from: UInt64(start), to: UInt64(range.upperBound))
      let bytes = fixture.bytes(start..<start + missing)
      insert(bytes.rawSpan, into: file, at: UInt64(start))
      span.copy(bytes.rawSpan, atByteOffset: filled)
      filled += missing
    }
    return target
  }
}
