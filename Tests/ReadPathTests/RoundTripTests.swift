import BlockStore
import Bytes
import Foundation
import Linux
import ReadPath
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct RoundTripTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test(arguments: [0, 1 << 20, 256 << 20])
  func `random reads are the object's bytes, from every tier`(memory: Int) async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 80 * 16384 + 777)
      for round in 0..<2 {
        let rig = try Rig(in: directory, blockByteCount: 16384, memoryByteCount: memory)
        let object = try rig.tiers.open(origin)
        let crew = try Crew(4) { index in
          var generator = SeededGenerator(for: "random reads \(memory) \(round) \(index)")
          return (0..<300).allSatisfy { _ in
            let offset = UInt64.random(in: 0...object.byteCount, using: &generator)
            let longest = [1, 100, 16384, 70_000].randomElement(using: &generator) ?? 1
            let count = Int.random(in: 0...longest, using: &generator)
            let within = min(count, Int(object.byteCount - offset))
            return (try? object.isRight(at: offset, count: within)) ?? false
          }
        }
        #expect(crew.join().allSatisfy { $0 })
        #expect(rig.tiers.memory.statistics.residentByteCount <= memory)
        try rig.close()
      }
    }
  }

  @Test func `a block that the scrubber gave up is fetched once`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 40 * 65536)
      try Rig.once(in: directory, origin) { _, object throws in
        #expect(try object.isRight(at: 0, count: 40 * 65536))
      }
      let data = try FileHandle(forUpdating: URL(filePath: directory.file("cache/cache.dat")))
      try data.seek(toOffset: 1 << 20 + 3 * 65536 + 100)
      try data.write(contentsOf: Data([0xA5, 0x5A, 0xA5, 0x5A, 0xA5, 0x5A]))
      try data.close()
      origin.forgetRequests()
      try Rig.once(in: directory, origin) { rig, object throws in
        rig.store.setScrubRate(1 << 40)
        #expect(eventually { rig.store.status().scrub.passes == 1 })
        #expect(rig.store.status().scrub.badBlocks == 1)
        #expect(origin.requests.isEmpty)
        for _ in 0..<3 { #expect(try object.isRight(at: 0, count: 40 * 65536)) }
      }
      try Rig.once(in: directory, origin) { _, object throws in
        #expect(try object.isRight(at: 0, count: 40 * 65536))
      }
      #expect(origin.requests.count == 1)
      #expect(origin.requests.first?.byteCount == 65536)
    }
  }

  @Test(arguments: [1, 16383, 16384, 16385, 3 * 16384, 3 * 16384 + 1] as [UInt64])
  func `an object ends where it ends`(byteCount: UInt64) async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: byteCount)
      for _ in 0..<2 {
        try Rig.once(in: directory, origin, blockByteCount: 16384) { _, object throws in
          #expect(try object.isRight(at: 0, count: Int(byteCount)))
          #expect(try object.isRight(at: byteCount - 1, count: 1))
          #expect(try object.bytes(at: byteCount, count: 0) == [])
          for (offset, count) in [
            (byteCount, 1), (0, Int(byteCount) + 1), (byteCount - 1, 2), (byteCount + 1, 0),
            (.max, 1), (UInt64(Int64.max), 1), (.max, 0),
          ] as [(UInt64, Int)] {
            #expect(
              failure { try object.bytes(at: offset, count: count) }
                == .outOfBounds(offset: offset))
          }
        }
      }
      #expect(origin.requests.allSatisfy { $0.end <= byteCount })
      #expect(origin.requests.reduce(0) { $0 + $1.byteCount } == byteCount)
    }
  }

  @Test func `an empty object has no bytes and asks for none`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 0)
      try Rig.once(in: directory, origin) { _, object throws in
        #expect(try object.bytes(at: 0, count: 0) == [])
        #expect(failure { try object.bytes(at: 0, count: 1) } == .outOfBounds(offset: 0))
        #expect(origin.requests.isEmpty)
      }
    }
  }

  @Test func `an object of more blocks than can be numbered is refused`() async throws {
    try await onThread { [directory] in
      let rig = try Rig(in: directory, blockByteCount: 16384)
      for byteCount in [(1 << 46) - 1, 1 << 46, 1 << 62, .max] as [UInt64] {
        let origin = ScriptedOrigin(name: "\(byteCount)", byteCount: byteCount)
        let error = #expect(throws: OpenError.self) { try rig.tiers.open(origin) }
        guard case .origin(let cause) = error else {
          Issue.record("\(byteCount) bytes: \(String(describing: error))")
          continue
        }
        #expect(cause.code == .unsupported)
      }
      // The last block that has a number.
      let byteCount: UInt64 = 0xFFFF_FFFF << 14
      let object = try rig.tiers.open(ScriptedOrigin(name: "largest", byteCount: byteCount))
      #expect(try object.isRight(at: byteCount - 50_000, count: 50_000))
      #expect(try object.isRight(at: byteCount - 20_000, count: 20_000))
      try rig.close()
    }
  }

  @Test func `the cache is read again without a request`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 50 * 65536 + 3)
      try Rig.once(in: directory, origin) { _, object throws in
        #expect(try object.isRight(at: 0, count: Int(object.byteCount)))
      }
      origin.forgetRequests()
      try Rig.once(in: directory, origin) { rig, object throws in
        #expect(try object.isRight(at: 0, count: Int(object.byteCount)))
        #expect(origin.requests.isEmpty)
        #expect(rig.store.status().disk.hits == 51)
        // Whoever reads all of it keeps it himself, or reads it again from the disk.
        #expect(rig.tiers.memory.statistics.blockCount == 0)
        #expect(try object.isRight(at: 0, count: Int(object.byteCount)))
        #expect(rig.store.status().disk.hits == 102)
      }
    }
  }

  @Test func `a damaged slot is fetched again, once`() async throws {
    try await onThread { [directory] in
      let origin = ScriptedOrigin(byteCount: 20 * 65536)
      try Rig.once(in: directory, origin) { _, object throws in
        #expect(try object.isRight(at: 0, count: Int(object.byteCount)))
      }
      origin.forgetRequests()
      try damage(block: 7, in: directory.file("cache/cache.dat"))
      try Rig.once(in: directory, origin) { rig, object throws in
        #expect(try object.isRight(at: 0, count: Int(object.byteCount)))
        #expect(origin.requestedBlocks() == [7..<8])
        #expect(rig.store.status().disk.checksumFailures == 1)
      }
      try Rig.once(in: directory, origin) { _, object throws in
        #expect(try object.isRight(at: 0, count: Int(object.byteCount)))
        #expect(origin.requestedBlocks() == [7..<8])
      }
    }
  }

  /// Changes a byte of version 1's `block` on disk.
  private func damage(block: UInt64, in path: String) throws {
    let start = block * 65536
    let wanted = ScriptedOrigin.content(start..<start + 64, tag: 1)
    let file = try FileDescriptor(opening: path, .readWrite)
    for slot in 0..<1024 as Range<UInt64> {
      let offset = 1 << 20 + slot * 65536
      var found = [UInt8](repeating: 0, count: 64)
      var span = found.mutableRawSpan
      _ = try file.read(into: &span, at: offset)
      guard found == wanted else { continue }
      try file.write([found[33] ^ 1].rawSpan, at: offset + 33)
      return
    }
    Issue.record("block \(block) is not on disk")
  }
}
