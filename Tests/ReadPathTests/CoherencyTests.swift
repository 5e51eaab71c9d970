import BlockStore
import Bytes
import Linux
import ReadPath
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct CoherencyTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test func `once the origin has changed every read is stale`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 20 * 65536)
      let rig = try Rig(in: directory)
      let object = try rig.tiers.open(origin)
      #expect(try object.isRight(at: 0, count: 3 * 65536))
      origin.change(byteCount: 25 * 65536, tag: 2)
      #expect(try object.isRight(block: 1), "nobody knows yet")
      let stale = ReadPathError.stale(origin.name)
      #expect(failure { try object.isRight(block: 10) } == stale)
      #expect(object.isStale)
      for block in [0, 1, 2, 10, 19] {
        #expect(failure { try object.isRight(block: block) } == stale)
      }
      #expect(rig.tiers.memory.statistics.blockCount == 0)
      #expect(rig.description(of: origin)?.blockCount == 0)

      let renewed = try rig.tiers.open(origin, reusing: object)
      #expect(renewed !== object)
      #expect(renewed.byteCount == 25 * 65536)
      #expect(try renewed.isRight(at: 0, count: 25 * 65536, tag: 2))
      #expect(failure { try object.isRight(block: 0) } == stale)
      try rig.close()

      origin.forgetRequests()
      try Rig.once(in: directory, origin) { _, object throws in
        #expect(try object.isRight(at: 0, count: 25 * 65536, tag: 2))
        #expect(origin.requests.isEmpty)
      }
    }
  }

  @Test func `an object is reused as long as it is current`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 20 * 65536)
      try Rig.once(in: directory, origin) { rig, object throws in
        #expect(try rig.tiers.open(origin, reusing: object) === object)
        origin.fail(.unavailable)
        #expect(try rig.tiers.open(origin, reusing: object) === object)
        origin.fail(nil)
        origin.change(byteCount: 20 * 65536, tag: 2)
        #expect(try rig.tiers.open(origin, reusing: object) !== object)
      }
    }
  }

  @Test func `readers never see a mix while versions follow each other`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 200 * 16384, tag: 1)
      let rig = try Rig(in: directory, blockByteCount: 16384, memoryByteCount: 1 << 20)
      for tag in 1...5 {
        let object = try rig.tiers.open(origin)
        let crew = try Crew(4) { index in
          var generator = SeededGenerator(for: "versions \(tag) \(index)")
          while true {
            let offset = UInt64.random(in: 0..<object.byteCount - 60_000, using: &generator)
            do throws(ReadPathError) {
              guard try object.isRight(at: offset, count: 60_000, tag: tag) else { return false }
            } catch {
              return error == .stale(origin.name)
            }
          }
        }
        Linux.Thread.sleep(milliseconds: 20)
        origin.change(byteCount: 200 * 16384, tag: tag + 1)
        // What is cached may be all that they want: make room for the news.
        _ = rig.store.cull(CullRequest())
        _ = rig.store.invalidate(key: Array(origin.name.utf8))
        #expect(crew.join().allSatisfy { $0 })
      }
      try rig.close()
    }
  }

  @Test func `an object cached before is opened without its origin`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 20 * 65536)
      try Rig.once(in: directory, origin) { _, object throws in
        #expect(try object.isRight(at: 0, count: 5 * 65536))
      }
      origin.fail(.unavailable)
      try Rig.once(in: directory, origin) { _, object throws in
        #expect(object.version == origin.currentVersion)
        #expect(try object.isRight(at: 100, count: 5 * 65536 - 100))
        let error = failure { try object.isRight(block: 9) }
        #expect(error?.isOrigin(.unavailable) == true)
        #expect(try object.isRight(block: 4))
        origin.fail(nil)
        #expect(try object.isRight(block: 9))
      }
    }
  }

  @Test func `what was never cached is not opened without its origin`() async throws {
    try await onThread { [directory] in
      let rig = try Rig(in: directory)
      let origin = ScriptedOrigin(byteCount: 20 * 65536)
      for code in [.unavailable, .notFound, .forbidden, .unsupported] as [OriginError.Code] {
        origin.fail(code)
        let error = #expect(throws: OpenError.self) { try rig.tiers.open(origin) }
        guard case .origin(let cause) = error else {
          Issue.record("\(String(describing: error))")
          continue
        }
        #expect(cause.code == code)
      }
      try rig.close()
    }
  }

  @Test func `an origin that refuses is believed, whatever is cached`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 20 * 65536)
      try Rig.once(in: directory, origin) { _, object throws in
        #expect(try object.isRight(at: 0, count: 5 * 65536))
      }
      let rig = try Rig(in: directory)
      origin.fail(.forbidden)
      #expect(throws: OpenError.self) { try rig.tiers.open(origin) }
      try rig.close()
    }
  }

  @Test func `reads go on when the object is dropped by hand`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 60 * 65536)
      let rig = try Rig(in: directory, memoryByteCount: 0)
      let object = try rig.tiers.open(origin)
      let key = Array(origin.name.utf8)
      for drop in [rig.store.invalidate, rig.store.remove] {
        #expect(try object.isRight(at: 0, count: Int(object.byteCount)))
        #expect(drop(key))
        origin.forgetRequests()
        #expect(try object.isRight(block: 30))
        #expect(try object.isRight(at: 0, count: Int(object.byteCount)))
        #expect(eventually { rig.description(of: origin)?.blockCount == 60 })
        let count = origin.requests.count
        #expect(try object.isRight(at: 0, count: Int(object.byteCount)))
        #expect(origin.requests.count == count)
      }
      try rig.close()
    }
  }

  @Test func `what is fetched ahead after a drop by hand is kept`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 200 * 65536)
      let rig = try Rig(in: directory, threadCount: 1)
      let object = try rig.tiers.open(origin)
      #expect(try object.isRight(block: 0))
      #expect(try object.isRight(block: 1))
      #expect(eventually { rig.description(of: origin)?.blockCount == 6 })
      origin.forgetRequests()
      #expect(rig.store.remove(key: Array(origin.name.utf8)))
      // From memory; only what is ahead of it is fetched.
      #expect(try object.isRight(at: 2 * 65536, count: 4 * 65536))
      #expect(eventually { origin.requestedBlocks() == [6..<14] })
      #expect(eventually { rig.description(of: origin)?.blockCount == 8 })
      try rig.close()
    }
  }

  @Test func `a reader of an old version leaves the new one's blocks alone`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 20 * 65536)
      let rig = try Rig(in: directory, memoryByteCount: 0)
      let old = try rig.tiers.open(origin)
      #expect(try old.isRight(at: 0, count: 3 * 65536))
      origin.change(byteCount: 20 * 65536, tag: 2)
      let new = try rig.tiers.open(origin)
      #expect(try new.isRight(at: 0, count: 8 * 65536, tag: 2))
      #expect(eventually { rig.description(of: origin)?.blockCount == 8 })
      let error = failure { try old.isRight(block: 1) }
      #expect(error == .stale(origin.name))
      #expect(rig.description(of: origin)?.blockCount == 8)
      #expect(!new.isStale)
      origin.forgetRequests()
      #expect(try new.isRight(at: 0, count: 8 * 65536, tag: 2))
      #expect(origin.requests.isEmpty)
      try rig.close()
    }
  }

  @Test(arguments: [0, 1 << 20])
  func `everything may be culled under readers`(memory: Int) async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 200 * 16384 + 9)
      let rig = try Rig(in: directory, blockByteCount: 16384, memoryByteCount: memory)
      let object = try rig.tiers.open(origin)
      let isOver = Lock(false)
      let crew = try Crew(4) { index in
        var generator = SeededGenerator(for: "culling \(memory) \(index)")
        while !isOver.withLock({ $0 }) {
          let offset = UInt64.random(in: 0..<object.byteCount - 40_000, using: &generator)
          guard (try? object.isRight(at: offset, count: 40_000)) == true else { return false }
        }
        return true
      }
      var culledCount = 0
      for round in 0..<30 {
        Linux.Thread.sleep(milliseconds: 10)
        #expect(eventually { (rig.description(of: origin)?.blockCount ?? 0) > 0 })
        culledCount +=
          rig.store.cull(CullRequest(olderThanSeconds: 0, key: Array(origin.name.utf8)))
          .blockCount
        if round % 10 == 5 { _ = rig.store.invalidate(key: Array(origin.name.utf8)) }
        if round % 10 == 9 { _ = rig.store.remove(key: Array(origin.name.utf8)) }
      }
      isOver.withLock { $0 = true }
      #expect(crew.join().allSatisfy { $0 })
      #expect(culledCount > 0)
      try rig.close()
    }
  }
}
