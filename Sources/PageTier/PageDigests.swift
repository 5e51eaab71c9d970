internal import Bytes

/// What the pages of a verified file must be, so that one that is loaded anew need not be taken on
/// trust: 16 bytes a page.
///
/// NH, the universal hash of UMAC (Black et al., CRYPTO 1999; RFC 4418), over words of 64 bits, with
/// a key that is drawn when the process starts and never leaves it. Whoever makes pages cannot know
/// it, and any two different pages have equal digests under one key in 2^64. It takes a multiplication
/// for 16 bytes, where SHA-256 has 64 rounds for 64.
struct PageDigests: Sendable {
  private static let wordCount = PageContent.pageByteCount / 8
  private static let key = RandomWords.make(count: wordCount)

  private var words: [UInt64] = []

  /// Of no page yet, with room for `pageCount`.
  init(pageCount: Int) {
    words.reserveCapacity(2 * pageCount)
  }

  /// Appends the digest of the next page, which may be short if it is the file's last.
  mutating func append(_ page: RawSpan) {
    let digest = Self.digest(of: page)
    words.append(digest.high)
    words.append(digest.low)
  }

  /// Whether `page` is page `index` of the file.
  func matches(_ page: RawSpan, at index: Int) -> Bool {
    let digest = Self.digest(of: page)
    return words[2 * index] == digest.high && words[2 * index + 1] == digest.low
  }

  /// NH of the page, as though it were filled up with zeros.
  private static func digest(of page: RawSpan) -> (high: UInt64, low: UInt64) {
    let key = key.span
    var sum = UInt128(0)
    var word = 0
    while word < wordCount {
      let left = load(page, word) &+ key[word]
      let right = load(page, word + 1) &+ key[word + 1]
      let product = left.multipliedFullWidth(by: right)
      sum &+= UInt128(product.high) << 64 | UInt128(product.low)
      word += 2
    }
    return (UInt64(truncatingIfNeeded: sum >> 64), UInt64(truncatingIfNeeded: sum))
  }

  @inline(__always)
  private static func load(_ page: RawSpan, _ word: Int) -> UInt64 {
    let offset = word * 8
    if offset + 8 <= page.byteCount { return page.load(fromByteOffset: offset) }
    var value: UInt64 = 0
    var shift: UInt64 = 0
    for index in offset..<max(offset, page.byteCount) {
      value |= UInt64(page.byte(at: index)) << shift
      shift += 8
    }
    return value
  }
}

/// Words that nobody can guess.
private enum RandomWords {
  static func make(count: Int) -> [UInt64] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in generator.next() }
  }
}
