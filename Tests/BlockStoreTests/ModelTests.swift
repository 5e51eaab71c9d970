import BlockStore
import Bytes
import TestSupport
import Testing

/// The store against a dictionary: whatever happens, a hit is what the dictionary has.
@Suite struct ModelTests {
  private struct Content: Hashable {
    var name: Int
    var block: UInt32
  }

  @Test(.timeLimit(.minutes(2)))
  func `a hit is always what was filled last`() throws {
    var generator = SeededGenerator(for: "ModelTests")
    let fixture = try StoreFixture()
    let slotCount = 48
    let blocks = 40
    var store = try fixture.open(slotCount: slotCount, blockByteCount: 16 << 10)
    var versions = [0, 0, 0]
    var objects = try (0..<3).map { try store.bind("\($0)", version: "0", blocks: blocks) }
    var model: [Content: UInt64] = [:]
    // What the disk may have after a crash: the flushed version, and those filled since.
    var possible: [Content: [UInt64]] = [:]
    var nextVersion: UInt64 = 1
    var hitCount = 0
    for step in 0..<3000 {
      let name = Int.random(in: 0..<3, using: &generator)
      let block = UInt32.random(in: 0..<UInt32(blocks), using: &generator)
      let content = Content(name: name, block: block)
      switch Int.random(in: 0..<1000, using: &generator) {
      case 0..<450:
        objects[name].fill(block, version: nextVersion)
        model[content] = nextVersion
        possible[content, default: []].append(nextVersion)
        nextVersion += 1
      case 450..<900:
        guard let bytes = objects[name].bytes(ofBlock: block) else { break }
        hitCount += 1
        let expected = model[content].map {
          StoreFixture.bytes(block, version: $0, count: bytes.count)
        }
        let difference = difference(bytes, expected ?? [])
        #expect(difference == nil, "seed \(generator.seed), step \(step)")
      case 900..<920:
        try store.flush()
        possible = model.mapValues { [$0] }
      case 920..<935:
        _ = store.cull(CullRequest(targetFreePercent: 50))
      case 935..<950:
        #expect(store.invalidate(key: Array("\(name)".utf8)))
        objects[name] = try store.bind("\(name)", version: "\(versions[name])", blocks: blocks)
        model = model.filter { $0.key.name != name }
        possible = possible.filter { $0.key.name != name }
      case 950..<960:
        versions[name] += 1
        objects[name] = try store.bind("\(name)", version: "\(versions[name])", blocks: blocks)
        model = model.filter { $0.key.name != name }
        possible = possible.filter { $0.key.name != name }
      case 960..<965:
        #expect(store.remove(key: Array("\(name)".utf8)))
        objects[name] = try store.bind("\(name)", version: "\(versions[name])", blocks: blocks)
        model = model.filter { $0.key.name != name }
        possible = possible.filter { $0.key.name != name }
      case 965..<975:
        let report = store.verify(repair: false)
        #expect(report.isClean, "seed \(generator.seed), step \(step): \(report)")
      case 975..<990:
        store.close()
        store = try fixture.open()
        objects = try (0..<3).map {
          try store.bind("\($0)", version: "\(versions[$0])", blocks: blocks)
        }
        possible = model.mapValues { [$0] }
      default:
        store.abandon()
        store = try fixture.open()
        #expect(store.openReport.notes == [])
        objects = try (0..<3).map {
          try store.bind("\($0)", version: "\(versions[$0])", blocks: blocks)
        }
        // What was filled since the last flush may be there or not, in any of its versions.
        for (content, versions) in possible {
          model[content] = nil
          guard let bytes = objects[content.name].bytes(ofBlock: content.block) else { continue }
          model[content] = versions.first {
            bytes == StoreFixture.bytes(content.block, version: $0, count: bytes.count)
          }
          #expect(model[content] != nil, "seed \(generator.seed), step \(step)")
        }
        possible = model.mapValues { [$0] }
      }
      if step % 100 == 0 {
        let status = store.status()
        #expect(status.blocks.used <= slotCount)
        #expect(status.disk.checksumFailures == 0)
        #expect(
          status.blocks.used + status.blocks.free + status.blocks.quarantined + status.blocks.bad
            == slotCount)
      }
    }
    #expect(hitCount > 100)
  }
}
