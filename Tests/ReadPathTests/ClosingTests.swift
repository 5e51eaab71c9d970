import Bytes
import Linux
import ReadPath
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct ClosingTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test(arguments: [nil, .unavailable] as [OriginError.Code?])
  func `every reader returns when the queue closes`(code: OriginError.Code?) async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 2000 * 65536)
      let rig = try Rig(in: directory, threadCount: 2)
      let object = try rig.tiers.open(origin)
      origin.hold()
      let crew = try Crew(24) { index in
        failure { try object.isRight(block: index * 50) }
      }
      #expect(eventually { origin.requests.count == 2 })
      #expect(rig.waitForQueue(demanded: 22))
      let closing = try Crew(1) { _ in rig.tiers.queue.close() }
      Linux.Thread.sleep(milliseconds: 20)
      origin.fail(code)
      origin.release()
      #expect(closing.join().count == 1)
      // What was asked for in time gets its bytes, or the origin's own error.
      for error in crew.join() {
        if let code { #expect(error?.isOrigin(code) == true) } else { #expect(error == nil) }
      }
      // Too late: nobody would fetch it.
      let late = failure { try object.isRight(block: 1999) }
      #expect(late?.isOrigin(.unavailable) == true)
      #expect(origin.requestedBlocks().allSatisfy { $0.lowerBound < 1999 })
      try rig.close()
    }
  }

  @Test func `readers at work while the queue closes get bytes or an error`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 4000 * 16384)
      for _ in 0..<5 {
        let rig = try Rig(in: directory, blockByteCount: 16384, memoryByteCount: 1 << 20)
        let object = try rig.tiers.open(origin)
        _ = rig.store.invalidate(key: Array(origin.name.utf8))
        let crew = try Crew(6) { index in
          for block in index * 600..<index * 600 + 600 {
            do throws(ReadPathError) {
              guard try object.isRight(block: block) else { return false }
            } catch {
              return error.isOrigin(.unavailable)
            }
          }
          return true
        }
        Linux.Thread.sleep(milliseconds: 10)
        rig.tiers.queue.close()
        #expect(crew.join().allSatisfy { $0 })
        try rig.close()
      }
    }
  }

  @Test func `a cache that is let go while it fetches ahead ends by itself`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 4000 * 65536)
      for _ in 0..<10 {
        try {
          let rig = try Rig(in: directory)
          let object = try rig.tiers.open(origin)
          origin.delay(milliseconds: 2)
          for block in 0..<3 { #expect(try object.isRight(block: block)) }
        }()
        // Its last user is a thread of its own; the directory is free when that is done.
        #expect(
          eventually {
            (try? Rig(in: directory)).map { $0.store.close() } != nil
          })
      }
    }
  }
}
