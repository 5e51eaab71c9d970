/// What is looked at of a page's bytes before any are compared.
///
/// One word of each cache line, eight bytes further into the line each time: an eighth of what hashing
/// a whole page would take in. Equal pages have equal samples; unequal ones may too,
/// so whoever finds a match compares the bytes.
@safe
enum PageContent {
  static let pageByteCount = 4096
  private static let lineByteCount = 64
  /// Odd, with half of the bits set: products of it reach the high half, which is folded back.
  private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15

  /// A hash of a sample of the page at `page`, seeded with `seed`; 0 if and only if all bytes are.
  @unsafe
  static func sample(of page: UnsafeRawPointer, seed: UInt64) -> UInt64 {
    // Four lanes, for a multiplication takes longer than the next one waits.
    var lanes = (seed, seed ^ 1, seed ^ 2, seed ^ 3)
    var any: UInt64 = 0
    var line = 0
    while line < pageByteCount / lineByteCount {
      let words = unsafe (
        word(page, line), word(page, line + 1), word(page, line + 2), word(page, line + 3)
      )
      any |= words.0 | words.1 | words.2 | words.3
      lanes.0 = mix(lanes.0 ^ words.0)
      lanes.1 = mix(lanes.1 ^ words.1)
      lanes.2 = mix(lanes.2 ^ words.2)
      lanes.3 = mix(lanes.3 ^ words.3)
      line += 4
    }
    if any == 0, unsafe isZero(page) { return 0 }
    return mix(mix(lanes.0 ^ lanes.1) &+ mix(lanes.2 ^ lanes.3)) | 1
  }

  /// Whether all bytes of the page at `page` are zero; ends at the first that is not.
  @unsafe
  static func isZero(_ page: UnsafeRawPointer) -> Bool {
    var offset = 0
    while offset < pageByteCount {
      var any: UInt64 = 0
      for step in 0..<8 {
        any |= unsafe page.loadUnaligned(fromByteOffset: offset + step * 8, as: UInt64.self)
      }
      if any != 0 { return false }
      offset += lineByteCount
    }
    return true
  }

  /// Whether two pages hold the same bytes; ends near the first that differ.
  @unsafe
  static func areEqual(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer) -> Bool {
    var offset = 0
    while offset < pageByteCount {
      var difference: UInt64 = 0
      for step in 0..<8 {
        let at = offset + step * 8
        difference |=
          unsafe left.loadUnaligned(fromByteOffset: at, as: UInt64.self)
          ^ right.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      }
      if difference != 0 { return false }
      offset += lineByteCount
    }
    return true
  }

  @inline(__always)
  @unsafe
  private static func word(_ page: UnsafeRawPointer, _ line: Int) -> UInt64 {
    let offset = line * lineByteCount + (line & 7) * 8
    return unsafe page.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
  }

  @inline(__always)
  private static func mix(_ value: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: multiplier)
    return product.high ^ product.low
  }
}
