import BlockStore
import Bytes
import Foundation
import TestSupport
import Testing

/// A disk that loses, misplaces, tears and rots what was written, while the store is in use.
///
/// Whatever it does, an answer is right or a miss; each damaged block is found out once, counted,
/// and its slot left alone.
@Suite struct FailingDiskTests {
  private static let slotCount = 64
  private static let blockByteCount = 16 << 10
  private static let blockCount = 48

  let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  private func open() throws -> CacheStore {
    try fixture.open(slotCount: Self.slotCount, blockByteCount: Self.blockByteCount)
  }

  private var disk: FailingDisk {
    FailingDisk(
      path: fixture.dataPath, slotCount: Self.slotCount, blockByteCount: Self.blockByteCount)
  }

  @Test(.timeLimit(.minutes(2)))
  func `each damaged block is one miss and one checksum failure, and is cached anew`() throws {
    var generator = SeededGenerator(for: "FailingDiskTests")
    var store = try open()
    var object = try store.bind("a", blocks: Self.blockCount)
    var versions: [UInt32: UInt64] = [:]
    var badCount = 0
    var failureCount: UInt64 = 0
    var damagedTotal = 0
    for round in 1...40 as ClosedRange<UInt64> {
      let comment = Comment("seed \(generator.seed), round \(round)")
      let before = try disk.slots()
      for _ in 0..<12 {
        let block = UInt32.random(in: 0..<UInt32(Self.blockCount), using: &generator)
        object.fill(block, version: round)
        versions[block] = round
      }
      try store.flush()
      for slot in (0..<Self.slotCount).shuffled(using: &generator).prefix(3) {
        try disk.damage(slot, before: before, using: &generator)
      }
      if round % 7 == 0 {
        if round % 2 == 0 { store.close() } else { store.abandon() }
        store = try open()
        #expect(store.openReport.notes.isEmpty, comment)
        object = try store.bind("a", blocks: Self.blockCount)
        (badCount, failureCount) = (0, 0)
      }
      // What is on disk now decides what the answers must be.
      let sound = Set(try disk.slots().map { $0.hashValue })
      for (block, version) in versions.shuffled(using: &generator) {
        guard object.contains(block: block) else { continue }
        let bytes = StoreFixture.bytes(block, version: version, count: Self.blockByteCount)
        if sound.contains(bytes.hashValue), let found = object.bytes(ofBlock: block) {
          let difference = difference(found, bytes)
          #expect(difference == nil, comment)
          continue
        }
        // A sound copy may lie in a slot that is not the block's own: then it is a miss as well.
        failureCount += 1
        badCount += 1
        damagedTotal += 1
        #expect(object.bytes(ofBlock: block) == nil, comment)
        #expect(object.bytes(ofBlock: block) == nil, comment)
        #expect(store.status().disk.checksumFailures == failureCount, comment)
        object.fill(block, version: version)
      }
      try store.flush()
      let status = store.status()
      #expect(status.blocks.bad == badCount, comment)
      #expect(status.disk.checksumFailures == failureCount, comment)
      #expect(status.blocks.used + status.blocks.free + badCount == Self.slotCount, comment)
      if badCount > 8 {
        #expect(store.verify(repair: true).isClean, comment)
        badCount = store.status().blocks.bad
        #expect(badCount == 0, comment)
      }
    }
    print("FailingDiskTests: \(damagedTotal) damaged blocks found out")
    #expect(damagedTotal > 20)
  }

  @Test(.timeLimit(.minutes(2)))
  func `a disk that fails during reads and commits costs nothing but blocks`() throws {
    let seed = SeededGenerator(for: "FailingDiskTests").seed
    let store = try open()
    let object = try store.bind("a", blocks: Self.blockCount)
    let disk = disk
    let before = try disk.slots()
    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      var generator = SeededGenerator(seed: seed &+ UInt64(thread))
      for step in 0..<400 {
        if thread == 0 {
          guard step % 4 == 0 else { continue }
          let slot = Int.random(in: 0..<Self.slotCount, using: &generator)
          do {
            try disk.damage(slot, before: before, using: &generator)
          } catch {
            Issue.record("the disk cannot be damaged: \(error)")
          }
          if step % 80 == 0 { _ = store.verify(repair: true) }
          continue
        }
        let block = UInt32.random(in: 0..<UInt32(Self.blockCount), using: &generator)
        if let isRight = object.isRight(block) {
          #expect(isRight, "seed \(seed)")
        } else {
          object.fill(block)
        }
      }
    }
    try store.flush()
    let failureCount = store.status().disk.checksumFailures
    print("FailingDiskTests: \(failureCount) checksum failures under way")
    _ = store.verify(repair: true)
    #expect(store.verify(repair: false).isClean, "seed \(seed)")
    let blocks = store.status().blocks
    #expect(blocks.used + blocks.free == Self.slotCount, "seed \(seed)")
    object.fill(0)
    try store.flush()
    #expect(object.isRight(0) == true)
  }
}
