import Bytes
import EROFS
import EROFSReader
import Linux
import Synchronization
import TestSupport
import Testing

@Suite(.enabled(if: SharedData.hasFixtures)) struct ParallelDecodingTests {
  private static func open(
    _ bytes: [UInt8], decoderCount: Int
  ) throws -> (image: Image, inode: Inode) {
    let image = try Image(source: MemorySource(bytes), decoderCount: decoderCount)
    let inode = try image.resolve(path: [FileName("big"), FileName("text")])
    return (image, try #require(inode))
  }

  @Test(arguments: ["lz4", "lz4hc-big", "lzma", "deflate", "zstd", "lz4-dedupe"])
  func `helpers change nothing about what is read`(name: String) throws {
    let bytes = try SharedData.bytes(of: "\(name).erofs")
    let (alone, inode) = try Self.open(bytes, decoderCount: 0)
    let expected = try alone.content(of: inode)
    #expect(expected.count > 256 << 10)
    let (helped, _) = try Self.open(bytes, decoderCount: 3)
    let mistakes = Mutex<[String]>([])
    let readers = try (0..<4).map { number in
      try Thread(name: "reader") {
        do {
          let piece = number == 0 ? expected.count : 200_000 + number * 7001
          let content = try helped.content(of: inode, pieceByteCount: piece)
          guard let mistake = difference(content, expected) else { return }
          mistakes.withLock { $0.append("\(mistake)") }
        } catch {
          mistakes.withLock { $0.append("\(error)") }
        }
      }
    }
    for reader in readers { reader.join() }
    #expect(mistakes.withLock { $0 } == [])
  }

  @Test func `damage in a helper's share is the same error`() throws {
    var bytes = try SharedData.bytes(of: "zstd.erofs")
    let (alone, inode) = try Self.open(bytes, decoderCount: 0)
    let extents = try alone.extents(of: inode).filter {
      if case .compressed = $0.kind { true } else { false }
    }
    let damaged = extents[extents.count / 2]
    let start = Int(damaged.storedOffset)
    for offset in start..<start + Int(damaged.storedByteCount) { bytes[offset] = 0x5A }
    var errors: [ReadError?] = []
    for decoderCount in [0, 2] {
      let (image, inode) = try Self.open(bytes, decoderCount: decoderCount)
      errors.append(
        #expect(throws: ReadError.self) {
          try image.content(of: inode, pieceByteCount: Int(inode.byteCount))
        })
    }
    #expect(errors[0] == errors[1])
  }
}
