/// CRC-32C (Castagnoli), reflected polynomial 0x82F63B78, one table look-up a byte.
///
/// Used on superblocks only, so speed does not matter; block data is checked with ``XXH64``.
package enum CRC32C {
  private static let table: [UInt32] = (0..<256).map { index in
    var value = UInt32(index)
    for _ in 0..<8 {
      value = value & 1 == 0 ? value >> 1 : value >> 1 ^ 0x82F6_3B78
    }
    return value
  }

  /// The raw register after feeding `bytes` to it, with neither initial nor final inversion.
  package static func update(_ register: UInt32, with bytes: RawSpan) -> UInt32 {
    let table = Self.table
    var register = register
    for offset in 0..<bytes.byteCount {
      register = register >> 8 ^ table[Int((register ^ UInt32(bytes.byte(at: offset))) & 0xFF)]
    }
    return register
  }

  /// The usual CRC-32C: inverted at the start and at the end ("123456789" gives 0xE3069283).
  package static func checksum(_ bytes: RawSpan) -> UInt32 {
    ~update(0xFFFF_FFFF, with: bytes)
  }
}
