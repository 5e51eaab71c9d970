internal import BlockStore
internal import Bytes

/// What one fill put into one block: its bytes say which fill that was, and differ in every sector
/// from those of any other.
struct BlockContent: Hashable {
  let object: Int
  let block: UInt32
  /// Of the object, as its origin would name it.
  let version: Int
  /// Counts up over all fills of a cache's life.
  let fill: Int

  /// The bytes, as words in the machine's order.
  func words(byteCount: Int) -> [UInt64] {
    let seed = mixed(
      UInt64(fill) &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(object) << 48 ^ UInt64(block) << 32)
    var words = [UInt64](repeating: 0, count: byteCount / 8)
    for index in words.indices { words[index] = mixed(seed &+ UInt64(index)) }
    words[0] = UInt64(fill)
    words[1] = UInt64(version)
    words[2] = UInt64(object) << 32 | UInt64(block)
    return words
  }

  /// What `words` say they are; nil unless each of them is right.
  init?(decoding words: [UInt64]) {
    guard words.count > 3, let fill = Int(exactly: words[0]), let version = Int(exactly: words[1])
    else { return nil }
    self.init(
      object: Int(words[2] >> 32), block: UInt32(words[2] & 0xFFFF_FFFF), version: version,
      fill: fill)
    guard self.words(byteCount: words.count * 8) == words else { return nil }
  }

  init(object: Int, block: UInt32, version: Int, fill: Int) {
    self.object = object
    self.block = block
    self.version = version
    self.fill = fill
  }
}

/// The last step of SplitMix64.
private func mixed(_ value: UInt64) -> UInt64 {
  var value = value &+ 0x9E37_79B9_7F4A_7C15
  value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
  value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
  return value ^ value >> 31
}

extension StoredObject {
  func fill(_ content: BlockContent) -> Bool {
    guard let byteCount = validByteCount(ofBlock: content.block) else { return false }
    let words = content.words(byteCount: byteCount)
    // Any bytes are as good as others: words have no padding.
    return unsafe fill(block: content.block, with: words.span.bytes)
  }

  /// The words of a block that is cached.
  func words(ofBlock block: UInt32) -> [UInt64]? {
    var words = [UInt64](repeating: 0, count: (validByteCount(ofBlock: block) ?? 0) / 8)
    var span = words.mutableSpan
    var bytes = unsafe span.mutableBytes
    guard case .hit = read(block: block, into: &bytes) else { return nil }
    return words
  }
}
