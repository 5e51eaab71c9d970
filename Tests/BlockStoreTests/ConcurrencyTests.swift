import BlockStore
import Bytes
import Foundation
import TestSupport
import Testing

@Suite struct ConcurrencyTests {
  @Test(.timeLimit(.minutes(1)))
  func `a hit is of the version bound, whatever others do meanwhile`() throws {
    let fixture = try StoreFixture()
    let store = try fixture.open(slotCount: 96, blockByteCount: 16 << 10)
    let seed = SeededGenerator(for: "ConcurrencyTests").seed
    DispatchQueue.concurrentPerform(iterations: 6) { thread in
      var generator = SeededGenerator(seed: seed &+ UInt64(thread))
      for _ in 0..<30 {
        let version = UInt64.random(in: 0..<3, using: &generator)
        let name = "object \(Int.random(in: 0..<2, using: &generator))"
        guard let object = try? store.bind(name, version: "\(version)", blocks: 200) else {
          Issue.record("cannot bind")
          return
        }
        for _ in 0..<40 {
          let block = UInt32.random(in: 0..<200, using: &generator)
          if let isRight = object.isRight(block, version: version) {
            #expect(isRight, "seed \(seed)")
          } else {
            object.fill(block, version: version)
          }
        }
        switch Int.random(in: 0..<12, using: &generator) {
        case 0: _ = store.cull(CullRequest(targetFreePercent: 60))
        case 1: _ = store.invalidate(key: Array(name.utf8))
        case 2: _ = store.remove(key: Array(name.utf8))
        case 3: #expect(store.verify(repair: false).isClean, "seed \(seed)")
        case 4: try? store.flush()
        default: break
        }
      }
    }
    let status = store.status()
    #expect(status.disk.checksumFailures == 0)
    #expect(status.blocks.used <= 96)
    #expect(status.blocks.used + status.blocks.free == 96)
    #expect(store.verify(repair: false).isClean)
  }
}
