import BlockStore
import Bytes
import TestSupport
import Testing

@Suite struct RangeReadTests {
  private static let size = 5 * 65536 + 1000

  let fixture: StoreFixture
  let store: CacheStore
  let object: StoredObject
  private let content: [UInt8]

  init() throws {
    fixture = try StoreFixture()
    store = try fixture.open()
    object = try store.bind(key: [1], coherency: [], byteCount: UInt64(Self.size))
    content = (0..<6 as Range<UInt32>).flatMap {
      StoreFixture.bytes($0, count: $0 == 5 ? 1000 : 65536)
    }
  }

  private func read(
    _ range: Range<Int>, _ holes: HolePolicy
  ) -> (outcome: RangeRead, bytes: [UInt8]) {
    var bytes = [UInt8](repeating: 0xEE, count: range.count)
    var span = bytes.mutableRawSpan
    let outcome = object.read(into: &span, at: UInt64(range.lowerBound), holes: holes)
    return (outcome, bytes)
  }

  @Test(arguments: [0..<0, 0..<1, 65535..<65537, 100..<200_000, 0..<size, size - 1..<size])
  func `what is cached is read whatever the policy`(range: Range<Int>) {
    object.fill(0..<6)
    for holes in [.fail, .zeros, .fetch { _, _ in false }] as [HolePolicy] {
      let (outcome, bytes) = read(range, holes)
      #expect(outcome == .complete)
      #expect(difference(bytes, Array(content[range])) == nil)
    }
  }

  @Test func `a hole ends a read that may not have any`() {
    for block in [0, 1, 3] as [UInt32] { object.fill(block) }
    let (outcome, bytes) = read(1000..<200_000, .fail)
    #expect(outcome == .hole(at: 2 * 65536))
    let count = 2 * 65536 - 1000
    #expect(difference(Array(bytes.prefix(count)), Array(content[1000..<2 * 65536])) == nil)
  }

  @Test func `a hole reads as zeros and stays a hole`() {
    for block in [0, 2] as [UInt32] { object.fill(block) }
    let (outcome, bytes) = read(65000..<140_000, .zeros)
    var expected = Array(content[65000..<140_000])
    for offset in 536..<536 + 65536 { expected[offset] = 0 }
    #expect(outcome == .complete)
    #expect(difference(bytes, expected) == nil)
    #expect(!object.contains(block: 1))
  }

  @Test func `a hole is fetched once, whole, and then cached`() throws {
    object.fill(0)
    var fetched: [UInt32] = []
    let policy = { [content] (isWilling: Bool) -> HolePolicy in
      .fetch { block, target in
        fetched.append(block)
        let start = Int(block) * 65536
        target.copy(content.rawSpan.extracting(start..<start + target.byteCount))
        return isWilling
      }
    }
    #expect(read(70_000..<70_010, policy(false)).outcome == .hole(at: 70_000))
    #expect(!object.contains(block: 1))
    let (outcome, bytes) = read(10..<Self.size, policy(true))
    #expect(outcome == .complete)
    #expect(difference(bytes, Array(content[10...])) == nil)
    #expect(fetched == [1, 1, 2, 3, 4, 5])
    try store.flush()
    #expect(read(0..<Self.size, .fail).outcome == .complete)
  }

  @Test(arguments: [size..<size + 1, size - 1..<size + 1])
  func `beyond the end is a hole that nothing fills`(range: Range<Int>) {
    object.fill(0..<6)
    #expect(read(range, .zeros).outcome == .hole(at: UInt64(Self.size)))
  }

  @Test func `an object invalidated during a read is stale`() {
    object.fill(0)
    let outcome = read(0..<65537, .fetch { _, _ in store.invalidate(key: [1]) }).outcome
    #expect(outcome == .stale)
    #expect(read(0..<1, .zeros).outcome == .stale)
  }
}
