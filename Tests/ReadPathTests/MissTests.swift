import Bytes
import Linux
import ReadPath
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct MissTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test func `concurrent misses of a block become one request`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 10 << 20)
      try Rig.once(in: directory, origin) { rig, object throws in
        origin.hold()
        let crew = try Crew(16) { index in
          (try? object.isRight(at: 5 * 65536 + UInt64(index) * 100, count: 64)) ?? false
        }
        #expect(eventually { origin.requests.count == 1 })
        Linux.Thread.sleep(milliseconds: 30)
        origin.release()
        #expect(crew.join().allSatisfy { $0 })
        #expect(origin.requestedBlocks() == [5..<6])
      }
    }
  }

  @Test func `neighbouring misses of one read become one request`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 10 << 20)
      try Rig.once(in: directory, origin) { rig, object throws in
        #expect(try object.isRight(at: 65536 * 3 + 5, count: 65536 * 4))
        #expect(origin.requestedBlocks() == [3..<8])
        // What is there already divides what is not.
        #expect(try object.isRight(at: 65536, count: 65536 * 9))
        #expect(
          origin.requestedBlocks().prefix(3).dropFirst().sorted { $0.lowerBound < $1.lowerBound }
            == [1..<3, 8..<10])
      }
    }
  }

  @Test(arguments: [16 << 10, 64 << 10, 1 << 20])
  func `no request is longer than 2 MiB`(blockByteCount: Int) async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 9 << 20 | 77)
      try Rig.once(in: directory, origin, blockByteCount: blockByteCount) { rig, object throws in
        #expect(try object.isRight(at: 0, count: Int(object.byteCount)))
        let requests = origin.requests.sorted { $0.offset < $1.offset }
        #expect(requests.allSatisfy { $0.byteCount <= 2 << 20 })
        #expect(requests.count == 5)
        #expect(requests.reduce(0) { $0 + $1.byteCount } == object.byteCount)
      }
    }
  }

  @Test func `misses of several readers that wait together leave as one request`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 64 << 20)
      let rig = try Rig(in: directory, threadCount: 1)
      let object = try rig.tiers.open(origin)
      origin.hold()
      let busy = try Crew(1) { _ in (try? object.isRight(block: 500)) ?? false }
      #expect(eventually { origin.requests.count == 1 })
      // Far apart first; then each block is next to what waits, before it or after.
      var crews: [Crew<Bool>] = []
      for (index, block) in [700, 3, 4, 2, 5, 1, 701].enumerated() {
        crews.append(try Crew(1) { _ in (try? object.isRight(block: block)) ?? false })
        #expect(rig.waitForQueue(demanded: index + 1))
      }
      origin.release()
      #expect(busy.join() == [true])
      for crew in crews { #expect(crew.join() == [true]) }
      // Whoever came later may have begun to read ahead.
      #expect(origin.requestedBlocks().prefix(3) == [500..<501, 700..<702, 1..<6])
      try rig.close()
    }
  }

  @Test func `what merges in the queue stays within 2 MiB`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 64 << 20)
      let rig = try Rig(in: directory, threadCount: 1)
      let object = try rig.tiers.open(origin)
      origin.hold()
      let busy = try Crew(1) { _ in (try? object.isRight(block: 900)) ?? false }
      #expect(eventually { origin.requests.count == 1 })
      let crew = try Crew(10) { index in
        (try? object.isRight(at: UInt64(index) * 10 * 65536, count: 10 * 65536)) ?? false
      }
      #expect(rig.waitForQueue(demanded: 100))
      origin.release()
      #expect(busy.join() == [true])
      #expect(crew.join().allSatisfy { $0 })
      // Read-ahead is behind what somebody waits for, and may have joined in by now.
      let demanded = origin.requestedBlocks().filter { $0.lowerBound < 100 }
      #expect(demanded.allSatisfy { $0.count <= 32 })
      #expect(demanded.count < 10)
      try rig.close()
    }
  }

  @Test func `each block is fetched once whatever many readers do`() async throws {
    try await onThread { [directory] in
      for round in 0..<12 {
        let origin = ScriptedOrigin(name: "round \(round)", byteCount: 1024 * 16384)
        try Rig.once(in: directory, origin, blockByteCount: 16384) { rig, object throws in
          let crew = try Crew(6) { index in
            (0..<1024).allSatisfy { step in
              let block = index == 5 ? 1023 - step : step
              return (try? object.isRight(at: UInt64(block) * 16384 + 5, count: 1)) ?? false
            }
          }
          #expect(crew.join().allSatisfy { $0 })
          rig.tiers.queue.close()
          #expect(origin.requests.reduce(0) { $0 + $1.byteCount } == object.byteCount)
        }
      }
    }
  }

  @Test func `who joins what is fetched ahead does not wait behind later misses`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 64 << 20)
      try Rig.once(in: directory, origin) { _, object throws in
        #expect(try object.isRight(at: 0, count: 2 * 65536))
      }
      origin.forgetRequests()
      let rig = try Rig(in: directory, threadCount: 1)
      let object = try rig.tiers.open(origin)
      let read: @Sendable (Int) throws -> Crew<Bool> = { block in
        try Crew(1) { _ in (try? object.isRight(block: block)) ?? false }
      }
      origin.hold()
      let busy = try read(500)
      #expect(eventually { origin.requests.count == 1 })
      // Both come from disk, and what follows is asked for ahead.
      #expect(try object.isRight(block: 0))
      #expect(try object.isRight(block: 1))
      #expect(rig.waitForQueue(demanded: 0, ahead: 4))
      let before = try read(600)
      #expect(rig.waitForQueue(demanded: 1, ahead: 4))
      let joining = try read(5)
      #expect(rig.waitForQueue(demanded: 5))
      let after = try read(700)
      #expect(rig.waitForQueue(demanded: 6))
      origin.release()
      for crew in [busy, before, joining, after] { #expect(crew.join() == [true]) }
      #expect(origin.requestedBlocks().prefix(4) == [500..<501, 600..<601, 2..<6, 700..<701])
      try rig.close()
    }
  }

  @Test func `who joins what is too much to fetch ahead gets it all the same`() async throws {
    try await onThread { [directory] in
      let (stride, pairCount) = (64, 400)
      let origin = ScriptedOrigin(byteCount: UInt64(stride * pairCount * 16384))
      let start: @Sendable (Int) -> UInt64 = { UInt64($0 * stride * 16384) }
      try Rig.once(in: directory, origin, blockByteCount: 16384) { rig, object throws in
        for pair in 0..<pairCount {
          _ = try object.bytes(at: start(pair), count: 2 * 16384)
          // A slow disk drops what it cannot keep up with.
          if pair % 40 == 39 { try rig.store.flush() }
        }
        rig.tiers.queue.close()
        try #require(rig.description(of: origin)?.blockCount == 2 * pairCount)
      }
      let rig = try Rig(in: directory, blockByteCount: 16384, threadCount: 1)
      let object = try rig.tiers.open(origin)
      origin.hold()
      // The pairs come from disk. Their read-ahead soon fills the queue, and is turned down; a
      // racer asks for a block of it at that moment.
      let turn = Lock(-1)
      var racers: [Crew<ReadPathError?>] = []
      for pair in 0..<pairCount {
        _ = try object.bytes(at: start(pair), count: 16384)
        racers.append(
          try Crew(1) { _ in
            while turn.withLock({ $0 < pair }) {}
            return failure {
              try object.bytes(at: start(pair) + 5 * 16384, count: 1)
            }
          })
        turn.withLock { $0 = pair }
        _ = try object.bytes(at: start(pair) + 16384, count: 16384)
      }
      origin.release()
      #expect(racers.flatMap { $0.join() }.compactMap { $0 }.isEmpty)
      try rig.close()
    }
  }
}
