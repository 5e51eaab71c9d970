import Bytes
import ReadPath
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct ReadAheadTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test func `a sequential reader finds what follows fetched, in few requests`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 400 * 65536 + 100)
      try Rig.once(in: directory, origin) { rig, object throws in
        #expect(try object.isRight(block: 0))
        #expect(origin.requestedBlocks() == [0..<1])
        #expect(try object.isRight(block: 1))
        #expect(eventually { origin.requestedBlocks().dropFirst() == [1..<2, 2..<6] })
        for offset in stride(from: 2 * 65536, to: Int(object.byteCount), by: 4000) {
          let count = min(4000, Int(object.byteCount) - offset)
          #expect(try object.isRight(at: UInt64(offset), count: count))
        }
        rig.tiers.queue.close()
        #expect(origin.requests.count < 40)
        #expect(origin.requests.allSatisfy { $0.byteCount <= 2 << 20 })
        // Each byte once, and none beyond the end.
        #expect(origin.requests.reduce(0) { $0 + $1.byteCount } == object.byteCount)
      }
    }
  }

  @Test func `a random reader gets what it asks for and no more`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 4096 * 65536)
      try Rig.once(in: directory, origin) { rig, object throws in
        var generator = SeededGenerator(for: "random reader")
        // No two are neighbours, and none is near the end of another.
        let blocks = (0..<100).map { $0 * 40 + 1 }.shuffled(using: &generator)
        for block in blocks { #expect(try object.isRight(at: UInt64(block) * 65536, count: 100)) }
        rig.tiers.queue.close()
        #expect(origin.requestedBlocks() == blocks.map { $0..<$0 + 1 })
      }
    }
  }

  @Test func `interleaved readers are told apart`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 16384 * 16384)
      try Rig.once(in: directory, origin, blockByteCount: 16384) { rig, object throws in
        let starts = (0..<12).map { $0 * 1000 + 17 }
        for step in 0..<64 {
          for start in starts { #expect(try object.isRight(block: start + step)) }
        }
        rig.tiers.queue.close()
        for start in starts {
          let own = origin.requestedBlocks(of: 16384).filter {
            $0.lowerBound >= start && $0.lowerBound < start + 900
          }
          #expect(own.count < 20)
          #expect((own.map(\.upperBound).max() ?? 0) <= start + 64 + 32)
        }
        #expect(
          origin.requestedBlocks(of: 16384).allSatisfy { blocks in
            starts.contains { blocks.lowerBound >= $0 && blocks.upperBound <= $0 + 96 }
          })
      }
    }
  }

  @Test func `a reader of less than a block at a time is sequential all the same`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 64 * 65536)
      try Rig.once(in: directory, origin) { rig, object throws in
        for offset in stride(from: 0, to: 20 * 65536, by: 4096) {
          #expect(try object.isRight(at: UInt64(offset), count: 4096))
        }
        rig.tiers.queue.close()
        #expect(origin.requests.count <= 6)
      }
    }
  }

  @Test func `what is on disk is not fetched ahead`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 64 * 65536)
      try Rig.once(in: directory, origin) { _, object throws in
        #expect(try object.isRight(at: 0, count: 40 * 65536))
      }
      origin.forgetRequests()
      try Rig.once(in: directory, origin) { rig, object throws in
        for block in 0..<8 { #expect(try object.isRight(block: block)) }
        rig.tiers.queue.close()
        #expect(origin.requests.isEmpty)
      }
    }
  }

  @Test func `a failure ahead is nobody's until somebody wants the bytes`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 64 * 65536)
      try Rig.once(in: directory, origin) { _, object throws in
        #expect(try object.isRight(at: 0, count: 2 * 65536))
      }
      origin.forgetRequests()
      let rig = try Rig(in: directory, threadCount: 1)
      let object = try rig.tiers.open(origin)
      origin.fail(.unavailable)
      #expect(try object.isRight(block: 0))
      #expect(try object.isRight(block: 1))
      #expect(eventually { origin.requestedBlocks() == [2..<6] })
      #expect(try object.isRight(block: 1))
      // The only thread gets to this one when it is done with what was ahead.
      let refused = failure { try object.isRight(block: 40) }
      #expect(refused?.isOrigin(.unavailable) == true)
      origin.fail(nil)
      #expect(try object.isRight(block: 3))
      try rig.close()
    }
  }
}
