internal import Bytes

/// The hash behind the name filter: whether an inode can have an attribute, by one bit of 32.
package enum AttributeFilter {
  private static let seed: UInt32 = 0x25BB_E08F

  /// The bit for names that are `rest` in `namespace`; set in a header, it says "absent".
  package static func bit(namespace: UInt8, rest: RawSpan) -> UInt32 {
    1 << (xxh32(rest, seed: seed &+ UInt32(namespace)) & 31)
  }

  /// XXH32 of `bytes`, by the xxHash specification.
  private static func xxh32(_ bytes: RawSpan, seed: UInt32) -> UInt32 {
    let primes: [UInt32] = [0x9E37_79B1, 0x85EB_CA77, 0xC2B2_AE3D, 0x27D4_EB2F, 0x1656_67B1]
    func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 {
      value << count | value >> (32 - count)
    }
    var offset = 0
    var hash: UInt32
    if bytes.byteCount >= 16 {
      var lanes = [seed &+ primes[0] &+ primes[1], seed &+ primes[1], seed, seed &- primes[0]]
      while offset + 16 <= bytes.byteCount {
        for lane in 0..<4 {
          let word: UInt32 = bytes.load(fromByteOffset: offset + 4 * lane)
          lanes[lane] = rotate(lanes[lane] &+ word &* primes[1], 13) &* primes[0]
        }
        offset += 16
      }
      hash =
        rotate(lanes[0], 1) &+ rotate(lanes[1], 7) &+ rotate(lanes[2], 12) &+ rotate(lanes[3], 18)
    } else {
      hash = seed &+ primes[4]
    }
    hash &+= UInt32(truncatingIfNeeded: bytes.byteCount)  // as the specification has it
    while offset + 4 <= bytes.byteCount {
      let word: UInt32 = bytes.load(fromByteOffset: offset)
      hash = rotate(hash &+ word &* primes[2], 17) &* primes[3]
      offset += 4
    }
    while offset < bytes.byteCount {
      hash = rotate(hash &+ UInt32(bytes.byte(at: offset)) &* primes[4], 11) &* primes[0]
      offset += 1
    }
    hash = (hash ^ hash >> 15) &* primes[1]
    hash = (hash ^ hash >> 13) &* primes[2]
    return hash ^ hash >> 16
  }
}
