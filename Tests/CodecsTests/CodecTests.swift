import Bytes
import Codecs
import TestSupport
import Testing

@Suite struct LZ4Tests {
  /// Bytes that compress, but not to nothing.
  private static func text(count: Int, seed: UInt64) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    let words = (0..<40).map { _ in generator.bytes(count: Int.random(in: 1...9, using: &generator))
    }
    var bytes: [UInt8] = []
    while bytes.count < count { bytes += words.randomElement(using: &generator) ?? [] }
    return Array(bytes.prefix(count))
  }

  private static func encode(_ bytes: [UInt8]) -> [UInt8] {
    LZ4.encode(bytes.rawSpan) ?? []
  }

  @Test func `decodes any prefix of what was encoded`() throws {
    let plain = Self.text(count: 10_000, seed: 1)
    let encoded = Self.encode(plain)
    #expect(encoded.count < plain.count)
    for count in [0, 1, 15, 16, 17, 4096, 9_999, 10_000] {
      var decoded = [UInt8](repeating: 0, count: count)
      var span = decoded.mutableRawSpan
      try LZ4.decode(encoded.rawSpan, into: &span)
      #expect(difference(decoded, plain.prefix(count)) == nil)
    }
  }

  @Test func `ignores what follows the block when all of it is wanted`() throws {
    let plain = Self.text(count: 5000, seed: 2)
    let encoded = Self.encode(plain) + [UInt8](repeating: 0, count: 700)
    var decoded = [UInt8](repeating: 0, count: plain.count)
    var span = decoded.mutableRawSpan
    try LZ4.decode(encoded.rawSpan, into: &span)
    #expect(difference(decoded, plain) == nil)
  }

  @Test func `says so when the block encodes too little`() throws {
    let encoded = Self.encode(Self.text(count: 100, seed: 3))
    var decoded = [UInt8](repeating: 0, count: 101)
    #expect(throws: CodecError.self) {
      var span = decoded.mutableRawSpan
      try LZ4.decode(encoded.rawSpan, into: &span)
    }
    #expect(throws: CodecError.self) {
      var span = decoded.mutableRawSpan
      try LZ4.decode([UInt8]().rawSpan, into: &span)
    }
  }

  @Test func `stays within its target whatever the input`() throws {
    var generator = SeededGenerator(seed: 4)
    let encoded = Self.encode(Self.text(count: 4000, seed: 5))
    for _ in 0..<2000 {
      var broken = encoded
      for _ in 0..<4 {
        broken[Int.random(in: 0..<broken.count, using: &generator)] = .random(
          in: 0...255, using: &generator)
      }
      var decoded = [UInt8](repeating: 0x5A, count: 4200)
      var whole = decoded.mutableRawSpan
      var part = whole[bytes: 100..<4100]
      try? LZ4.decode(broken.rawSpan, into: &part)
      #expect(
        decoded[..<100].allSatisfy { $0 == 0x5A } && decoded[4100...].allSatisfy { $0 == 0x5A })
    }
  }
}

@Suite struct SHA256Tests {
  @Test(
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ] as [(String, String)])
  func `gives the published digests`(text: String, expected: String) {
    #expect(SHA256.digest(of: Array(text.utf8).rawSpan).hex == expected)
  }

  @Test func `does not depend on how its input is cut`() {
    var generator = SeededGenerator(seed: 6)
    let bytes = generator.bytes(count: 1000)
    let whole = SHA256.digest(of: bytes.rawSpan)
    for cut in [0, 1, 63, 64, 65, 999, 1000] {
      var hash = SHA256()
      hash.update(bytes.rawSpan.extracting(0..<cut))
      hash.update(bytes.rawSpan.extracting(cut..<1000))
      #expect(hash.finish() == whole)
    }
  }
}
