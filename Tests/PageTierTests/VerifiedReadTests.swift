import Bytes
import Codecs
import Linux
import PageTier
import TestSupport
import Testing

/// Reads of a file that must be what it claims to be, before anybody has looked.
@Suite struct VerifiedReadTests {
  private struct Failure: Error {}

  private let fixture: SharingDomainTests.Fixture
  private let bytes: [UInt8]
  private let file: FilePages
  private let loadedByteCount = Lock(0)

  init() throws {
    fixture = try SharingDomainTests.Fixture()
    bytes = SharingDomainTests.content(500_001)
    file = try Self.file(bytes, fixture)
  }

  private static func file(
    _ bytes: [UInt8], _ fixture: SharingDomainTests.Fixture
  ) throws -> FilePages {
    fixture.file(bytes, claim: SHA256.digest(of: bytes.rawSpan), try fixture.volume())
  }

  /// Page `index`, if the file is what it claims to be, loading from `source`; nil throws at each load.
  private func read(page index: Int, from source: [UInt8]?) throws(Failure) -> [UInt8]? {
    var page = [UInt8](repeating: 0, count: 4096)
    var span = page.mutableRawSpan
    let isRead = try file.readVerified(at: UInt64(index) * 4096, into: &span) {
      (part, offset) throws(Failure) in
      guard let source else { throw Failure() }
      part.copy(source.rawSpan.extracting(Int(offset)..<Int(offset) + part.byteCount))
      let byteCount = part.byteCount
      loadedByteCount.withLock { $0 += byteCount }
    }
    return isRead ? page : nil
  }

  private func page(_ index: Int) -> [UInt8] { Array(bytes[index * 4096..<(index + 1) * 4096]) }

  @Test func `all of a file is loaded once to verify it`() throws {
    #expect(try read(page: 3, from: bytes) == page(3))
    #expect(loadedByteCount.withLock { $0 } == bytes.count + 4096)
    #expect(try read(page: 4, from: bytes) == page(4))
    #expect(loadedByteCount.withLock { $0 } == bytes.count + 2 * 4096)
    #expect(file.verifiedIdentity?.byteCount == UInt64(bytes.count))
  }

  @Test func `nothing is read of a file that is something else, nor is it asked again`() throws {
    var forged = bytes
    forged[400_000] ^= 1
    #expect(try read(page: 3, from: forged) == nil)
    #expect(loadedByteCount.withLock { $0 } == bytes.count)
    #expect(try read(page: 3, from: bytes) == nil)
    #expect(loadedByteCount.withLock { $0 } == bytes.count)
  }

  @Test func `a file that could not be loaded is verified later`() throws {
    #expect(throws: Failure.self) { try read(page: 3, from: nil) }
    #expect(try read(page: 3, from: bytes) == page(3))
  }

  @Test func `readers wait for the one who verifies`() throws {
    let failureCount = Lock(0)
    let threads = try (0..<8).map { index in
      try Thread(name: "reader") {
        if (try? read(page: index, from: bytes)) != page(index) {
          failureCount.withLock { $0 += 1 }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(failureCount.withLock { $0 } == 0)
    #expect(loadedByteCount.withLock { $0 } == bytes.count + 8 * 4096)
  }
}
