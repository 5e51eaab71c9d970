import BlockStore
import Bytes
import Foundation
import TestSupport
import Testing

/// Reads of whole pages, wherever in blocks they begin and end.
@Suite struct PartReadTests {
  private static let blockCount: UInt32 = 6
  private static let byteCount = 5 * 65536 + 10_000

  let fixture: StoreFixture
  private let content: [UInt8]

  init() throws {
    fixture = try StoreFixture()
    var generator = SeededGenerator(for: "part reads")
    content = (0..<Self.byteCount).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
  }

  private var checksPath: String { "\(fixture.path)/pages" }

  private func open() throws -> (CacheStore, StoredObject) {
    let store = try fixture.open()
    return (store, try store.bind(key: [1], coherency: [], byteCount: UInt64(Self.byteCount)))
  }

  /// The cache with the object in it, from the first block on, on disk.
  private func openFilled() throws -> (CacheStore, StoredObject) {
    let (store, object) = try open()
    for block in 0..<Self.blockCount { fill(block, of: object) }
    try store.flush()
    return (store, object)
  }

  private func fill(_ block: UInt32, of object: StoredObject) {
    let start = Int(block) * 65536
    let bytes = Array(content[start..<min(start + 65536, content.count)])
    let isTaken = object.fill(block: block, with: bytes.rawSpan)
    #expect(isTaken)
  }

  /// Reads `range`, and compares what is not missing.
  private func read(_ range: Range<Int>, of object: StoredObject) -> [UInt32] {
    var bytes = [UInt8](repeating: 0xEE, count: range.count)
    var span = bytes.mutableRawSpan
    var missing: [UInt32] = []
    #expect(object.read(at: UInt64(range.lowerBound), into: &span, missing: &missing))
    for index in bytes.indices where !missing.contains(UInt32((range.lowerBound + index) / 65536)) {
      guard bytes[index] == content[range.lowerBound + index] else {
        Issue.record("byte \(range.lowerBound + index) of \(range) is wrong")
        break
      }
    }
    return missing
  }

  /// Changes a byte of `page` of block 2 on disk.
  private func damage(page: Int) throws {
    let start = try #require(try fixture.slotOffset(holding: Array(content[131_072..<131_104])))
    let place = 131_072 + page * 4096 + 100
    try fixture.overwrite([content[place] ^ 1], at: start + UInt64(page * 4096 + 100))
  }

  @Test func `any pages come, from disk and on their way there`() throws {
    let (store, object) = try open()
    var generator = SeededGenerator(for: "ranges of pages")
    for pass in 0..<2 {
      if pass == 0 {
        for block in 0..<Self.blockCount { fill(block, of: object) }
      } else {
        try store.flush()
      }
      for _ in 0..<100 {
        let first = Int.random(in: 0..<Self.byteCount / 4096, using: &generator) * 4096
        let end = Int.random(in: first / 4096 + 1...Self.byteCount / 4096 + 1, using: &generator)
        #expect(read(first..<min(end * 4096, Self.byteCount), of: object) == [])
      }
    }
    #expect(store.status().disk.misses == 0)
  }

  @Test func `what is not cached is missing, and nothing else`() throws {
    let (store, object) = try open()
    for block in [0, 1, 3, 5] as [UInt32] { fill(block, of: object) }
    try store.flush()
    #expect(read(4096..<Self.byteCount, of: object) == [2, 4])
    #expect(read(3 * 65536 - 4096..<5 * 65536 + 4096, of: object) == [2, 4])
  }

  @Test func `part of a block that ends within a page is a miss`() throws {
    let (_, object) = try openFilled()
    #expect(read(0..<100, of: object) == [0])
    #expect(read(65_000..<131_072, of: object) == [0])
    #expect(read(0..<65_536 + 100, of: object) == [1])
    #expect(read(Self.byteCount - 100..<Self.byteCount, of: object) == [5])
  }

  @Test func `only the pages that are asked for are read and checked`() throws {
    let (store, object) = try openFilled()
    try damage(page: 9)
    #expect(read(2 * 65536..<2 * 65536 + 9 * 4096, of: object) == [])
    #expect(read(2 * 65536 + 10 * 4096..<5 * 65536, of: object) == [])
    #expect(store.status().disk.checksumFailures == 0)
    #expect(read(2 * 65536 + 8 * 4096..<4 * 65536, of: object) == [2])
    #expect(store.status().disk.checksumFailures == 1)
    #expect(read(2 * 65536..<2 * 65536 + 4096, of: object) == [2])
  }

  @Test(arguments: ["absent", "empty", "short", "zeros", "of others"])
  func `checks that are lost are made again from whole blocks`(state: String) throws {
    do {
      let (store, _) = try openFilled()
      store.close()
    }
    var checks = try Data(contentsOf: URL(filePath: checksPath))
    #expect(checks.count == Int(Self.blockCount) * 16 * 8)
    switch state {
    case "empty": checks = Data()
    case "short": checks = checks.prefix(77)
    case "zeros": checks = Data(count: checks.count)
    default: checks = Data(checks.dropFirst(128) + checks.prefix(128))
    }
    try checks.write(to: URL(filePath: checksPath))
    if state == "absent" { try FileManager.default.removeItem(atPath: checksPath) }
    let (store, object) = try open()
    for page in 0..<3 {
      #expect(read(2 * 65536 + page * 4096..<2 * 65536 + (page + 1) * 4096, of: object) == [])
    }
    try damage(page: 9)
    #expect(read(2 * 65536..<2 * 65536 + 4096, of: object) == [])
    #expect(read(2 * 65536 + 9 * 4096..<3 * 65536, of: object) == [2])
    #expect(store.status().disk.checksumFailures == 1)
  }

  @Test func `where no checks can be kept, parts are misses and blocks are not`() throws {
    try FileManager.default.createDirectory(
      atPath: checksPath, withIntermediateDirectories: true)
    let (store, object) = try openFilled()
    #expect(read(4096..<8192, of: object) == [0])
    #expect(read(0..<Self.byteCount, of: object) == [])
    #expect(store.status().disk.checksumFailures == 0)
  }

  @Test func `a block that took the place of another is not checked by the other's pages`() throws {
    let (store, object) = try openFilled()
    #expect(store.invalidate(key: [1]))
    let other = try store.bind(key: [2], coherency: [], byteCount: UInt64(Self.byteCount))
    for block in (0..<Self.blockCount).reversed() { fill(block, of: other) }
    try store.flush()
    var bytes = [UInt8](repeating: 0, count: 4096)
    var span = bytes.mutableRawSpan
    var missing: [UInt32] = []
    #expect(!object.read(at: 0, into: &span, missing: &missing))
    #expect(missing == [0])
    #expect(read(4096..<5 * 65536, of: other) == [])
  }

  @Test(StoreFixture.forFiles) func `a smaller cache has fewer checks`() throws {
    let store = try fixture.open(slotCount: 128)
    let object = try store.bind("a", blocks: 128)
    object.fill(0..<100)
    try store.flush()
    let before = try FileManager.default.attributesOfItem(atPath: checksPath)[.size] as? Int
    #expect(before ?? 0 > 64 * 128)
    try store.resize(to: 64 * 65536)
    let after = try FileManager.default.attributesOfItem(atPath: checksPath)[.size] as? Int
    #expect(after ?? .max <= 64 * 128)
  }
}
