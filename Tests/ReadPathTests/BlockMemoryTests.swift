import Linux
import ReadPath
import TestSupport
import Testing

@Suite struct BlockMemoryTests {
  private static func bytes(_ key: BlockMemory.Key, count: Int = 1000) -> [UInt8] {
    [UInt8](
      repeating: UInt8(truncatingIfNeeded: key.object &* 7 &+ UInt64(key.block)), count: count)
  }

  /// Keys of one shard: every sixteenth block.
  private static func key(_ index: Int) -> BlockMemory.Key {
    BlockMemory.Key(object: 1, block: UInt32(index * 16))
  }

  @Test func `the least recently used block goes first`() {
    let memory = BlockMemory(budgetByteCount: 16 * 3000)
    for index in 0..<3 { memory.insert(Self.bytes(Self.key(index)), for: Self.key(index)) }
    #expect(memory.block(Self.key(0)) != nil)
    memory.insert(Self.bytes(Self.key(3)), for: Self.key(3))
    #expect(memory.peek(Self.key(1)) == nil)
    // A look is no use.
    #expect(memory.peek(Self.key(2)) != nil)
    memory.insert(Self.bytes(Self.key(4)), for: Self.key(4))
    #expect(memory.peek(Self.key(2)) == nil)
    #expect([0, 3, 4].allSatisfy { memory.peek(Self.key($0)) == Self.bytes(Self.key($0)) })
    #expect(memory.statistics.residentByteCount == 3000)
    #expect(memory.statistics.hits == 1)
    #expect(memory.statistics.misses == 0)
  }

  @Test(arguments: [0, .max] as [UInt64])
  func `hits are worth noting once an interval`(interval: UInt64) {
    let memory = BlockMemory(budgetByteCount: 1 << 20, noteInterval: interval)
    let key = Self.key(0)
    #expect(memory.block(key) == nil)
    memory.insert(Self.bytes(key), for: key)
    for _ in 0..<4 {
      #expect(memory.block(key)?.isWorthNoting == (interval == 0))
    }
    #expect(memory.statistics.hits == 4)
    #expect(memory.statistics.misses == 1)
  }

  @Test func `a block that does not fit is not kept, and nothing is dropped for it`() {
    for budget in [-1, 0, 1, 15, 16 * 999] {
      let memory = BlockMemory(budgetByteCount: budget)
      for index in 0..<50 { memory.insert(Self.bytes(Self.key(index)), for: Self.key(index)) }
      #expect(memory.statistics.blockCount == 0)
      #expect(memory.statistics.residentByteCount == 0)
    }
    let memory = BlockMemory(budgetByteCount: 16 * 1000)
    memory.insert(Self.bytes(Self.key(0)), for: Self.key(0))
    memory.insert(Self.bytes(Self.key(1), count: 1001), for: Self.key(1))
    #expect(memory.peek(Self.key(0)) != nil)
  }

  @Test func `the budget holds whatever comes, and what is there is right`() {
    var generator = SeededGenerator(for: "budget")
    let budget = 200_000
    let memory = BlockMemory(budgetByteCount: budget)
    var counts: [BlockMemory.Key: Int] = [:]
    for _ in 0..<20_000 {
      let key = BlockMemory.Key(
        object: .random(in: 1...4, using: &generator),
        block: .random(in: 0..<300, using: &generator))
      switch Int.random(in: 0..<100, using: &generator) {
      case 0:
        memory.removeAll(of: key.object)
        #expect(memory.peek(key) == nil)
      case 1..<40:
        let count = Int.random(in: 1...14_000, using: &generator)
        memory.insert(Self.bytes(key, count: count), for: key)
        counts[key] = count
        if count <= budget / 16 { #expect(memory.peek(key)?.count == count) }
      default:
        if let hit = memory.block(key) {
          #expect(hit.bytes == Self.bytes(key, count: counts[key] ?? 0))
        }
      }
      #expect(memory.statistics.residentByteCount <= budget)
    }
  }

  @Test func `an object's blocks are dropped and no other's`() {
    let memory = BlockMemory(budgetByteCount: 1 << 20)
    let keys = (1...3 as ClosedRange<UInt64>).flatMap { object in
      (0..<40 as Range<UInt32>).map { BlockMemory.Key(object: object, block: $0) }
    }
    for key in keys { memory.insert(Self.bytes(key), for: key) }
    memory.removeAll(of: 2)
    #expect(keys.allSatisfy { (memory.peek($0) == nil) == ($0.object == 2) })
    #expect(memory.statistics.residentByteCount == 80_000)
    #expect(memory.statistics.blockCount == 80)
    for object in [1, 3, 9] as [UInt64] { memory.removeAll(of: object) }
    #expect(memory.statistics.residentByteCount == 0)
    #expect(memory.statistics.blockCount == 0)
  }

  @Test func `threads share it`() async throws {
    try await onThread {
      let memory = BlockMemory(budgetByteCount: 100_000)
      let crew = try Crew(6) { index in
        var generator = SeededGenerator(for: "shared memory \(index)")
        return (0..<4000).allSatisfy { step in
          let key = BlockMemory.Key(
            object: .random(in: 1...3, using: &generator),
            block: .random(in: 0..<100, using: &generator))
          if step % 500 == 499 { memory.removeAll(of: key.object) }
          if let hit = memory.block(key) { return hit.bytes == Self.bytes(key) }
          memory.insert(Self.bytes(key), for: key)
          return memory.statistics.residentByteCount <= 100_000
        }
      }
      #expect(crew.join().allSatisfy { $0 })
      #expect(memory.statistics.hits + memory.statistics.misses == 24_000)
    }
  }
}
