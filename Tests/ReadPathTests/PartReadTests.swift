import Bytes
import ReadPath
import TestSupport
import Testing

/// Reads of what is on disk, past memory.
@Suite(.timeLimit(.minutes(2))) struct PartReadTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// Runs `body` with an object of 400 blocks that is all on disk, and nothing of it in memory.
  private func withStoredObject(
    _ body: @escaping @Sendable (Rig, CachedObject) throws -> Void
  ) async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 400 * 16384)
      try Rig.once(in: directory, origin, blockByteCount: 16384) { _, object throws in
        #expect(try object.isRight(at: 0, count: 400 * 16384))
      }
      origin.forgetRequests()
      try Rig.once(in: directory, origin, blockByteCount: 16384, body)
      #expect(origin.requests.isEmpty)
    }
  }

  @Test func `pages here and there bring no block into memory`() async throws {
    try await withStoredObject { rig, object throws in
      for block in stride(from: 0, to: 400, by: 7) {
        #expect(try object.isRight(at: UInt64(block * 16384 + 8192), count: 4096))
      }
      #expect(rig.tiers.memory.statistics.blockCount == 0)
    }
  }

  @Test func `pages one after the other bring their blocks along`() async throws {
    try await withStoredObject { rig, object throws in
      for page in 40..<60 { #expect(try object.isRight(at: UInt64(page * 4096), count: 4096)) }
      #expect(rig.tiers.memory.statistics.hits > 10)
    }
  }

  @Test func `large reads go past memory, wherever they begin and end`() async throws {
    try await withStoredObject { rig, object throws in
      for start in stride(from: 4096, to: 300 * 16384, by: 40 * 4096) {
        #expect(try object.isRight(at: UInt64(start), count: 40 * 4096))
      }
      #expect(rig.tiers.memory.statistics.blockCount == 0)
    }
  }

  @Test func `what begins within a page comes by way of memory`() async throws {
    try await withStoredObject { rig, object throws in
      #expect(try object.isRight(at: 100_001, count: 50_000))
      #expect(rig.tiers.memory.statistics.blockCount > 0)
    }
  }
}
