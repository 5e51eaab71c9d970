import BlockStore
import Bytes
import LMDB
import TestSupport
import Testing

/// What files inside objects were found to hold is remembered as long as the object is the same.
@Suite struct FingerprintTests {
  private static let byteCount: UInt64 = 5000

  let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  private func digest(_ number: UInt64) throws -> Digest {
    var generator = SeededGenerator(seed: number)
    return try #require(Digest(generator.bytes(count: Digest.byteCount)))
  }

  /// Notes a fingerprint of each of `files` of `object`.
  private func note(_ files: Range<UInt64>, of object: StoredObject) throws {
    for file in files {
      object.noteFingerprint(try digest(file), ofFile: file, byteCount: Self.byteCount)
    }
  }

  /// How many of `files` are known; fails the test for each that is known as another.
  private func knownCount(_ files: Range<UInt64>, of object: StoredObject) throws -> Int {
    let known = object.fingerprints()
    var count = 0
    for file in files {
      guard let found = known.digest(ofFile: file, byteCount: Self.byteCount) else { continue }
      let expected = try digest(file)
      #expect(found == expected)
      count += 1
    }
    return count
  }

  @Test func `what was noted is known when the cache is opened again`() throws {
    do {
      let store = try fixture.open()
      try note(0..<500, of: store.bind("a"))
      try note(250..<260, of: store.bind("b"))
      store.close()
    }
    let store = try fixture.open()
    let (a, b) = (try store.bind("a"), try store.bind("b"))
    #expect(try knownCount(0..<600, of: a) == 500)
    #expect(try knownCount(0..<600, of: b) == 10)
    #expect(a.fingerprints().digest(ofFile: 3, byteCount: Self.byteCount + 1) == nil)
    #expect(store.status().index.fingerprintCount == 510)
    #expect(store.verify(repair: false).isClean)
  }

  @Test func `notes go with blocks, and have no commit of their own`() throws {
    let store = try fixture.open()
    let object = try store.bind("a")
    object.fill(0)
    try store.flush()
    let before = store.status().disk
    try note(0..<100, of: object)
    try store.flush()
    #expect(store.status().disk.commits == before.commits)
    object.fill(1)
    try store.flush()
    let after = store.status().disk
    #expect(after.commits == before.commits + 1)
    #expect(after.dataSyncs == before.dataSyncs + 1)
    #expect(try knownCount(0..<100, of: object) == 100)
    // As if the process were killed: what went with a batch is there.
    store.abandon()
    #expect(try knownCount(0..<100, of: fixture.open().bind("a")) == 100)
  }

  @Test(arguments: ["changed", "invalidated", "removed", "modified", "resized"])
  func `an object that is another one inherits nothing`(how: String) throws {
    let store = try fixture.open()
    let object = try store.bind("a")
    try note(0..<50, of: object)
    object.fill(0)
    try store.flush()
    #expect(try knownCount(0..<50, of: object) == 50)
    // These wait still when the object changes.
    try note(50..<60, of: object)
    let key = Array("a".utf8)
    var next: StoredObject
    switch how {
    case "changed": next = try store.bind("a", version: "v2")
    case "invalidated":
      #expect(store.invalidate(key: key))
      next = try store.bind("a")
    case "removed":
      #expect(store.remove(key: key))
      next = try store.bind("a")
    case "modified":
      #expect(object.use(willModify: true))
      try note(60..<70, of: object)
      object.fill(1)
      object.unuse(coherency: Array("v2".utf8))
      next = object
    default:
      #expect(object.resize(to: 3 << 20))
      next = object
    }
    next.fill(2)
    try store.flush()
    #expect(try knownCount(0..<50, of: next) == 0)
    #expect(try knownCount(50..<70, of: next) == 0)
    #expect(object === next || object.fingerprints().count == 0)
    #expect(store.verify(repair: false).isClean)
    store.close()
    let version = how == "changed" || how == "modified" ? "v2" : "v1"
    let reopened = try fixture.open()
    next = try reopened.bind("a", version: version, blocks: how == "resized" ? 48 : 64)
    #expect(try knownCount(0..<50, of: next) == 0)
  }

  @Test func `a file is forgotten by itself`() throws {
    let store = try fixture.open()
    let object = try store.bind("a")
    try note(0..<3, of: object)
    object.noteFingerprint(nil, ofFile: 1, byteCount: Self.byteCount)
    object.fill(0)
    try store.flush()
    let known = object.fingerprints()
    #expect(known.count == 2)
    #expect(known.digest(ofFile: 1, byteCount: Self.byteCount) == nil)
  }

  @Test func `when there are too many, those of the object used longest ago go`() throws {
    // A cache of this size remembers some 1,400.
    for name in ["old", "new"] {
      let store = try fixture.open()
      try note(0..<1000, of: store.bind(name))
      store.close()
    }
    let store = try fixture.open()
    #expect(store.status().index.fingerprintCount == 1000)
    #expect(try knownCount(0..<1000, of: store.bind("new")) == 1000)
    #expect(try knownCount(0..<1000, of: store.bind("old")) == 0)
    #expect(store.verify(repair: false).isClean)
  }

  @Test func `while all objects are in use, nothing more is remembered`() throws {
    let store = try fixture.open()
    let (one, two) = (try store.bind("one"), try store.bind("two"))
    for object in [one, two] {
      try note(0..<1000, of: object)
      object.fill(0)
      try store.flush()
    }
    #expect(try knownCount(0..<1000, of: one) == 1000)
    #expect(try knownCount(0..<1000, of: two) < 500)
  }

  /// Opens the index of the closed cache.
  private func environment(tableCount: Int = 5, of name: String = "index") throws -> Environment {
    try Environment(
      opening: "\(fixture.path)/\(name)", mapByteCount: 2 << 20, tableCount: tableCount)
  }

  @Test func `a damaged record is found, not used, and mended`() throws {
    do {
      let store = try fixture.open()
      try note(0..<10, of: store.bind("a"))
      store.close()
      let environment = try environment()
      let table = try environment.openTable("fingerprint")
      var key = [UInt8](repeating: 0, count: 16)
      (key[7], key[15]) = (1, 4)
      let value = try environment.read { transaction throws(LMDBError) -> [UInt8]? in
        try transaction.value(for: key.rawSpan, in: table)?.copyBytes()
      }
      var bytes = try #require(value)
      bytes[30] ^= 1
      try environment.write { transaction throws(LMDBError) in
        try transaction.put(bytes.rawSpan, for: key.rawSpan, in: table)
      }
    }
    let store = try fixture.open()
    #expect(try knownCount(0..<10, of: store.bind("a")) == 9)
    #expect(store.verify(repair: false).indexFaults.count == 1)
    #expect(store.verify(repair: true).repairedCount == 1)
    #expect(store.verify(repair: false).isClean)
    #expect(try knownCount(0..<10, of: store.bind("a")) == 9)
  }

  @Test(StoreFixture.forFiles, arguments: [false, true])
  func `a cache of before there were fingerprints is kept, and gets them`(
    isSuspect: Bool
  ) throws {
    try fixture.makeCache()
    try makeIndexWithoutFingerprints()
    if isSuspect {
      // The last owner died with the machine, and had not the table either.
      let store = try fixture.open()
      store.abandon()
      try makeIndexWithoutFingerprints()
      try fixture.pretendReboot()
    }
    let store = try fixture.open(indexHelper: StoreFixture.indexHelper)
    #expect(store.openReport.notes.isEmpty)
    let object = try store.bind("a")
    #expect(object.isRight(0) == true && object.isRight(3) == true)
    try note(0..<10, of: object)
    store.close()
    #expect(try knownCount(0..<10, of: fixture.open().bind("a")) == 10)
  }

  /// Copies the index of the closed cache, but for the table of fingerprints.
  private func makeIndexWithoutFingerprints() throws {
    let (old, new) = ("\(fixture.path)/index", "\(fixture.path)/new")
    _ = try Command(["mkdir", new])
    do {
      let source = try environment()
      let target = try environment(tableCount: 4, of: "new")
      for name in ["meta", "obj", "slot", "pin"] {
        let keys: Table.KeyOrder = name == "meta" ? .bytes : .integer
        let from = try source.openTable(name, keys: keys)
        let to = try target.openTable(name, keys: keys)
        var records: [(key: [UInt8], value: [UInt8])] = []
        try source.read { transaction throws(LMDBError) in
          var cursor = try TableCursor(over: from, in: transaction)
          while try cursor.next() {
            records.append((cursor.key.copyBytes(), cursor.value.copyBytes()))
          }
        }
        try target.write { transaction throws(LMDBError) in
          for (key, value) in records {
            try transaction.put(value.rawSpan, for: key.rawSpan, in: to)
          }
        }
      }
    }
    _ = try Command(["rm", "-r", old])
    _ = try Command(["mv", new, old])
  }
}
