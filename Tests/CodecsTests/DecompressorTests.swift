import Bytes
import Codecs
import TestSupport
import Testing

@Suite struct DecompressorTests {
  static let codecs: [Codec] = [
    .microLZMA(dictionaryByteCount: StreamEncoder.dictionaryByteCount), .deflate, .zstd,
  ]

  private static func text(count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
    let words = (0..<60).map { _ in
      generator.bytes(count: Int.random(in: 1...9, using: &generator))
    }
    var bytes: [UInt8] = []
    while bytes.count < count { bytes += words.randomElement(using: &generator) ?? [] }
    return Array(bytes.prefix(count))
  }

  private static func decode(
    _ stream: [UInt8], by codec: Codec, count: Int, with decompressor: Decompressor,
    goesOn: Bool = true
  ) throws -> [UInt8] {
    // Guards on both sides show writes that went too far.
    var decoded = [UInt8](repeating: 0x5A, count: count + 200)
    var whole = decoded.mutableRawSpan
    var part = whole[bytes: 100..<100 + count]
    defer {
      #expect(decoded.prefix(100).allSatisfy { $0 == 0x5A })
      #expect(decoded.suffix(100).allSatisfy { $0 == 0x5A })
    }
    try decompressor.decode(stream.rawSpan, by: codec, into: &part, goesOn: goesOn)
    return Array(decoded[100..<100 + count])
  }

  @Test(arguments: codecs) func `decodes any prefix of a stream`(codec: Codec) throws {
    var generator = SeededGenerator(for: "prefixes of \(codec)")
    let decompressor = Decompressor()
    for plainCount in [1, 300, 70_000, 900_000] {
      let plain = Self.text(count: plainCount, &generator)
      let stream = StreamEncoder.encode(plain, by: codec)
      #expect(!stream.isEmpty)
      for _ in 0..<20 {
        let count = Int.random(in: 0...plainCount, using: &generator)
        let decoded = try Self.decode(stream, by: codec, count: count, with: decompressor)
        #expect(difference(decoded, plain.prefix(count)) == nil)
      }
      let decoded = try Self.decode(stream, by: codec, count: plainCount, with: decompressor)
      #expect(difference(decoded, plain) == nil)
    }
  }

  @Test(arguments: codecs) func `says so when a stream encodes too little`(codec: Codec) throws {
    var generator = SeededGenerator(for: "short \(codec)")
    let plain = Self.text(count: 5000, &generator)
    let stream = StreamEncoder.encode(plain, by: codec)
    let decompressor = Decompressor()
    #expect(throws: CodecError.self) {
      try Self.decode(stream, by: codec, count: 5001, with: decompressor)
    }
    for count in [0, 1, 5, stream.count / 2, stream.count * 9 / 10] {
      #expect(throws: CodecError.self, "the first \(count) bytes") {
        try Self.decode(Array(stream.prefix(count)), by: codec, count: 5000, with: decompressor)
      }
    }
    // A stream that failed leaves nothing behind for the next.
    let decoded = try Self.decode(stream, by: codec, count: 5000, with: decompressor)
    #expect(difference(decoded, plain) == nil)
  }

  @Test(arguments: codecs + [.lz4])
  func `says so when a stream that should end goes on`(codec: Codec) throws {
    var generator = SeededGenerator(for: "ends of \(codec)")
    let plain = Self.text(count: 70_000, &generator)
    let stream = StreamEncoder.encode(plain, by: codec)
    let decompressor = Decompressor()
    for count in [1, 5000, 69_000, 69_999] {
      #expect(throws: CodecError.self, "\(count) of 70000 bytes") {
        try Self.decode(stream, by: codec, count: count, with: decompressor, goesOn: false)
      }
    }
    let decoded = try Self.decode(
      stream, by: codec, count: plain.count, with: decompressor, goesOn: false)
    #expect(difference(decoded, plain) == nil)
  }

  @Test(arguments: codecs + [.lz4])
  func `stays within its target whatever the input`(codec: Codec) throws {
    var generator = SeededGenerator(for: "broken \(codec)")
    let plain = Self.text(count: 4000, &generator)
    let stream = StreamEncoder.encode(plain, by: codec)
    let decompressor = Decompressor()
    for round in 0..<2000 {
      var broken = round % 4 == 0 ? generator.bytes(count: 600) : stream
      for _ in 0..<4 where !broken.isEmpty {
        broken[Int.random(in: 0..<broken.count, using: &generator)] = .random(
          in: 0...255, using: &generator)
      }
      _ = try? Self.decode(
        broken, by: codec, count: 4000, with: decompressor, goesOn: round % 3 == 0)
    }
  }

  @Test func `a frame that lies about its size decodes to what it holds`() throws {
    var generator = SeededGenerator(for: "lying frame")
    let plain = Self.text(count: 200, &generator)
    var stream = StreamEncoder.encode(plain, by: .zstd)
    // A single segment: the byte behind the descriptor is the size.
    #expect(stream[4] & 0xE0 == 0x20 && stream[5] == 200)
    stream[5] = 100
    let decompressor = Decompressor()
    #expect(throws: CodecError.self) {
      try Self.decode(stream, by: .zstd, count: 200, with: decompressor)
    }
  }

  @Test func `LZMA properties that cannot be are malformed`() throws {
    let codec = Codec.microLZMA(dictionaryByteCount: 4096)
    let decompressor = Decompressor()
    for properties in [225, 250, 255] as [UInt8] {
      let stream = [~properties] + [UInt8](repeating: 0x40, count: 100)
      let error = #expect(throws: CodecError.self) {
        try Self.decode(stream, by: codec, count: 50, with: decompressor)
      }
      #expect(error?.code == .malformed)
    }
  }
}
