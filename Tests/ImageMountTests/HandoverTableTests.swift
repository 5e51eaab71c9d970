import Bytes
import ImageMount
import Linux
import Testing

/// What a process tells the next of files that the kernel reads elsewhere.
@Suite struct HandoverTableTests {
  /// Two files, one of them open, and one node that was there before.
  private static let files =
    words32(2, 1) + file(7, node: 3, 5, 2) + file(8, node: 0, 0, 1) + words(9)
  /// A shared node of two images, and a private one.
  private static let content =
    words(40) + words32(2, 3) + node(12, standing: 2, claimants: 2)
    + node(39, standing: 0, claimants: 1) + claimant(0, 70) + claimant(1, 71) + claimant(1, 80)
  private static let large = words32(2, 0) + words(7, 300_000, 9, 400_000)

  private static func words(_ values: UInt64...) -> [UInt8] { encode(values) }
  private static func words32(_ values: UInt32...) -> [UInt8] { encode(values) }

  private static func encode<T: FixedWidthInteger & BitwiseCopyable>(_ values: [T]) -> [UInt8] {
    var writer = ByteWriter()
    for value in values { writer.append(value) }
    return writer.bytes
  }

  private static func file(
    _ nid: UInt64, node: UInt64, _ backingID: UInt32, _ openCount: UInt32
  ) -> [UInt8] {
    words(nid, node) + words32(backingID, openCount)
  }

  private static func node(_ number: UInt64, standing: UInt32, claimants: UInt32) -> [UInt8] {
    words(number, 5000) + [UInt8](repeating: 0xAB, count: 32) + words32(standing, claimants)
  }

  private static func claimant(_ image: UInt32, _ nid: UInt64) -> [UInt8] {
    words32(image, 0) + words(nid)
  }

  private func code<Table: HandoverTable>(
    _ type: Table.Type, _ bytes: [UInt8]
  ) -> HandoverError.Code? {
    do throws(HandoverError) {
      _ = try Table(decoding: bytes.rawSpan)
      return nil
    } catch {
      return error.code
    }
  }

  /// `bytes` with `value` in 32 bits at `offset`.
  private func edited(_ bytes: [UInt8], _ value: UInt32, at offset: Int) -> [UInt8] {
    var bytes = bytes
    var target = bytes.mutableRawSpan
    target.store(value, atByteOffset: offset)
    return bytes
  }

  private func check<Table: HandoverTable>(_ type: Table.Type, _ bytes: [UInt8]) throws {
    #expect(try Table(decoding: bytes.rawSpan).encoded() == bytes)
    for count in bytes.indices {
      #expect(code(type, Array(bytes.prefix(count))) == .truncated, "\(count)")
    }
    #expect(code(type, bytes + [0]) == .malformed)
    let pair = try DescriptorPair.sockets()
    try Table(decoding: bytes.rawSpan).send(to: pair.first)
    #expect(try Table(receivingFrom: pair.second).encoded() == bytes)
  }

  @Test func `what is encoded is decoded, and nothing that is cut short`() throws {
    try check(BackedFilesTable.self, Self.files)
    try check(ContentTable.self, Self.content)
    try check(LargeFilesTable.self, Self.large)
    try check(BackedFilesTable.self, Self.words32(0, 0))
    try check(ContentTable.self, Self.words(1) + Self.words32(0, 0))
    try check(LargeFilesTable.self, Self.words32(0, 0))
  }

  @Test(
    arguments: [
      (.duplicate, 8 + 24, 7),  // the nid
      (.malformed, 8 + 16, 0x8000_0000),  // the registration
      (.malformed, 8 + 8, 0),  // the node of a registration
      (.truncated, 0, .max), (.malformed, 4, 0),
    ] as [(HandoverError.Code, Int, UInt32)])
  func `files that cannot be are refused`(
    expected: HandoverError.Code, offset: Int, value: UInt32
  ) {
    #expect(code(BackedFilesTable.self, edited(Self.files, value, at: offset)) == expected)
  }

  @Test(
    arguments: [
      (.duplicate, 16 + 56, 12), (.malformed, 16 + 56, 41), (.malformed, 16, 1),  // the number
      (.malformed, 4, 0x4000_0000),  // the last number, too high
      (.malformed, 16 + 8, 0),  // the byte count
      (.malformed, 16 + 48, 3), (.malformed, 16 + 48, 0),  // private, with two claimants
      (.truncated, 16 + 52, .max), (.malformed, 16 + 52, 0), (.malformed, 16 + 52, 1),
      (.duplicate, 128 + 16, 0), (.malformed, 128 + 4, 1),  // the image, and what is to be zero
      (.duplicate, 16 + 56 + 48, 2),  // another shared node of the same claim
      (.truncated, 8, .max), (.truncated, 12, .max), (.malformed, 12, 2),
    ] as [(HandoverError.Code, Int, UInt32)])
  func `nodes that cannot be are refused`(
    expected: HandoverError.Code, offset: Int, value: UInt32
  ) {
    #expect(code(ContentTable.self, edited(Self.content, value, at: offset)) == expected)
  }

  @Test(
    arguments: [
      (.duplicate, 8 + 16, 7), (.malformed, 4, 1), (.malformed, 0, 5000), (.truncated, 0, 4096),
    ] as [(HandoverError.Code, Int, UInt32)])
  func `large files that cannot be are refused`(
    expected: HandoverError.Code, offset: Int, value: UInt32
  ) {
    #expect(code(LargeFilesTable.self, edited(Self.large, value, at: offset)) == expected)
  }

  @Test func `a peer that sends something else, or ends amid it, is an error`() throws {
    let magic = Array(LargeFilesTable.magic.utf8)
    for (expected, bytes) in [
      (.malformed, Array(ContentTable.magic.utf8) + Self.words(8) + Self.words32(0, 0)),
      (.malformed, magic + Self.words(.max)), (.truncated, magic + Self.words(1 << 30)),
      (.truncated, magic), (.truncated, []),
    ] as [(HandoverError.Code, [UInt8])] {
      let receiver = try Self.receiver(of: bytes)
      do throws(HandoverError) {
        _ = try LargeFilesTable(receivingFrom: receiver)
        Issue.record("received")
      } catch {
        #expect(error.code == expected)
      }
    }
  }

  /// A socket whose peer sent `bytes` and has gone.
  private static func receiver(of bytes: [UInt8]) throws -> FileDescriptor {
    let pair = try DescriptorPair.sockets()
    try pair.second.write(bytes.rawSpan)
    return pair.keepingFirst()
  }
}
