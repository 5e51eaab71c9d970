internal import Bytes
internal import Linux
internal import PageTier

/// A page tier in use: random reads of a file, whose pages are made when they are not there, and
/// compared when they are.
struct ReadLoad {
  private static let pageByteCount = PageTier.pageByteCount

  let tier: PageTier
  private let volume: TierVolume
  private let file: TierFile
  private let pageCount: Int
  private var random: UInt64 = 88_172_645_463_325_252
  private var buffer = [UInt8](repeating: 0, count: PageTier.pageByteCount)
  private(set) var readCount = 0
  private(set) var wrongCount = 0

  /// A file of half more than the `byteCount` that the tier may hold.
  init(byteCount: Int) throws(SystemError) {
    guard let tier = PageTier(TierOptions(byteCountMax: byteCount)), let domain = tier.makeDomain(),
      let volume = tier.makeVolume(in: domain)
    else { throw SystemError(call: "mmap", errno: .outOfMemory) }
    (self.tier, self.volume) = (tier, volume)
    pageCount = byteCount / Self.pageByteCount * 3 / 2
    file = tier.makeFile(byteCount: UInt64(pageCount * Self.pageByteCount), volume: volume)
  }

  /// Reads `count` pages.
  mutating func read(count: Int) {
    for _ in 0..<count {
      random ^= random << 13
      random ^= random >> 7
      random ^= random << 17
      read(page: Int(random % UInt64(pageCount)))
    }
  }

  private mutating func read(page: Int) {
    let offset = UInt64(page * Self.pageByteCount)
    readCount += 1
    if isHere(at: offset) {
      if !holds(page, buffer.rawSpan) { wrongCount += 1 }
    } else {
      fill(page)
      tier.insert(buffer.rawSpan, into: file, at: offset)
    }
  }

  private mutating func isHere(at offset: UInt64) -> Bool {
    let (tier, file, volume) = (tier, file, volume)
    var span = buffer.mutableRawSpan
    return tier.read(file, at: offset, into: &span, by: volume) == Self.pageByteCount
  }

  /// Two words of each cache line say which page it is; the rest can be compressed.
  private mutating func fill(_ page: Int) {
    var span = buffer.mutableRawSpan
    for offset in stride(from: 0, to: Self.pageByteCount, by: 64) {
      span.store(UInt64(page) &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(offset), atByteOffset: offset)
      span.store(UInt64(page), atByteOffset: offset + 8)
    }
  }

  private func holds(_ page: Int, _ bytes: RawSpan) -> Bool {
    for offset in stride(from: 0, to: Self.pageByteCount, by: 64) {
      let word: UInt64 = bytes.load(fromByteOffset: offset)
      guard word == UInt64(page) &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(offset) else { return false }
    }
    return true
  }
}
