import Bytes
import Codecs
import TestSupport
import Testing

/// What a compressor makes of an input is the same whatever it compressed before.
@Suite struct CompressorTests {
  /// Inputs that compress, some much and some little, of many sizes.
  private static func inputs(_ generator: inout SeededGenerator) -> [[UInt8]] {
    let words = (0..<60).map { _ in
      generator.bytes(count: Int.random(in: 1...12, using: &generator))
    }
    return (0..<60).map { _ in
      var bytes: [UInt8] = []
      let count = Int.random(in: 1...300_000, using: &generator)
      while bytes.count < count {
        switch Int.random(in: 0..<20, using: &generator) {
        case 0: bytes += [UInt8](repeating: 0, count: Int.random(in: 1...9000, using: &generator))
        case 1: bytes += generator.bytes(count: Int.random(in: 1...9000, using: &generator))
        default: bytes += words.randomElement(using: &generator) ?? []
        }
      }
      return Array(bytes.prefix(count))
    }
  }

  @Test(
    arguments: [.fast, .high(level: 1), .high(level: 9), .high(level: 12)] as [LZ4Compressor.Effort]
  )
  func `LZ4 blocks`(effort: LZ4Compressor.Effort) throws {
    var generator = SeededGenerator(for: "LZ4 \(effort)")
    var kept = LZ4Compressor(effort)
    for input in Self.inputs(&generator) {
      let capacity = [4096, 16_384, 65_536].randomElement(using: &generator) ?? 4096
      var (one, two) = (
        [UInt8](repeating: 1, count: capacity), [UInt8](repeating: 2, count: capacity)
      )
      var fresh = LZ4Compressor(effort)
      var span = one.mutableRawSpan
      let first = try #require(kept.fill(&span, from: input.rawSpan))
      var other = two.mutableRawSpan
      let second = try #require(fresh.fill(&other, from: input.rawSpan))
      #expect(first == second)
      #expect(difference(one.prefix(first.produced), two.prefix(second.produced)) == nil)
      var decoded = [UInt8](repeating: 0, count: first.consumed)
      var target = decoded.mutableRawSpan
      try LZ4.decode(one.rawSpan.extracting(0..<first.produced), into: &target)
      #expect(difference(decoded, input.prefix(first.consumed)) == nil)
    }
  }

  @Test(arguments: [1, 3, 9, 19])
  func `frames of zstd`(level: Int) throws {
    var generator = SeededGenerator(for: "zstd \(level)")
    var kept = ZstdCompressor(level: level)
    for input in Self.inputs(&generator) {
      let capacity = input.count + 1000
      var (one, two) = (
        [UInt8](repeating: 1, count: capacity), [UInt8](repeating: 2, count: capacity)
      )
      var fresh = ZstdCompressor(level: level)
      var span = one.mutableRawSpan
      let first = try #require(kept.compress(input.rawSpan, into: &span))
      var other = two.mutableRawSpan
      let second = try #require(fresh.compress(input.rawSpan, into: &other))
      #expect(difference(one.prefix(first), two.prefix(second)) == nil)
      var decoded = [UInt8](repeating: 0, count: input.count)
      var target = decoded.mutableRawSpan
      try Decompressor().decode(one.rawSpan.extracting(0..<first), by: .zstd, into: &target)
      #expect(difference(decoded, input) == nil)
      var short = [UInt8](repeating: 0, count: first - 1)
      var narrow = short.mutableRawSpan
      #expect(kept.compress(input.rawSpan, into: &narrow) == nil)
    }
  }
}
